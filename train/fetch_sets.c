/* The data sets that can be fetched: where they are published, and the MD5 sums that are published with them;
 * those of CIFAR-10's single files were taken of the published archive's. */
#include "fetch.h"

#include <string.h>

static const wn_fetch_set sets[] = {
    {.name = "fashion-mnist", /* Xiao, Rasul, Vollgraf 2017 */
     .address = "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",
     .files = {{"train-images-idx3-ubyte.gz", "8d4fb7e6c68d591d4c3dfef9ec88bf0d"},
               {"train-labels-idx1-ubyte.gz", "25c81989df183df01b3e8a0aad5dffbe"},
               {"t10k-images-idx3-ubyte.gz", "bef4ecab320f06d8554ea6380940ec79"},
               {"t10k-labels-idx1-ubyte.gz", "bb300cfdad3c16e7a12a480ee83cd310"}}},
    {.name = "mnist", /* the authors' server no longer serves it; PyTorch's copy */
     .address = "https://ossci-datasets.s3.amazonaws.com/mnist/",
     .files = {{"train-images-idx3-ubyte.gz", "f68b3c2dcbeaaa9fbdd348bbdeb94873"},
               {"train-labels-idx1-ubyte.gz", "d53e105ee54ea40749a09fcbcd1e9432"},
               {"t10k-images-idx3-ubyte.gz", "9fb629c4189551a2d022fa330f9573f3"},
               {"t10k-labels-idx1-ubyte.gz", "ec29112dd5afa0611ce80d1b7f02629c"}}},
    {.name = "cifar10", /* Krizhevsky 2009 */
     .address = "https://www.cs.toronto.edu/~kriz/",
     .archive = {"cifar-10-binary.tar.gz", "c32a1d4ab5d03f1284b67883e8d87530"},
     .files = {{"batches.meta.txt", "40a0b180e208fe03a63ecc891b2555ad"},
               {"test_batch.bin", "bd071276ed8eaea419f8dfe259847f64"},
               {"data_batch_5.bin", "b91a1ba58412593727e1b91d9aa71d07"},
               {"data_batch_4.bin", "75560b7c78d74f3300323fe711843374"},
               {"data_batch_3.bin", "a222ce9a8c4328e01465c277e9f1169f"},
               {"data_batch_2.bin", "f05bac06a1f5f8b2df5abaa1a0951a53"},
               {"data_batch_1.bin", "fd3b04ba11c80e07a0630fbeadd12313"}}},
};

wn_status wn_fetch_find(const char *name, const wn_fetch_set **set) {
    for (size_t i = 0; i < sizeof sets / sizeof *sets; i++)
        if (strcmp(sets[i].name, name) == 0) {
            *set = &sets[i];
            return wn_ok();
        }
    return wn_error(WN_ERROR_USAGE, "%.80s: no data set that can be fetched, expected one of %s, %s, %s",
                    name, sets[0].name, sets[1].name, sets[2].name);
}
