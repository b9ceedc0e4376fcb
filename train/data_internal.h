/* What the readers of data sets share. Internal to train/. */
#ifndef WN_DATA_INTERNAL_H
#define WN_DATA_INTERNAL_H

#include "data.h"
#include <stdbool.h>

/* Errors: IO, when there is none or it is no folder. */
wn_status wn_dataset_check_folder(const char *folder);
/* Is this a folder of that kind? Errors: IO. */
wn_status wn_dataset_is_idx(const char *folder, bool *is);
wn_status wn_dataset_is_cifar(const char *folder, bool *is);
wn_status wn_dataset_is_images(const char *folder, bool *is);

/* Calls the data set after the folder's last component. */
void wn_dataset_name_after(const char *folder, wn_dataset *dataset);
/* Keeps the first `limit` images (0: all) and gives the rest of the memory back. */
void wn_dataset_keep_first(wn_split_data *split, int64_t limit, int64_t image_bytes);
/* Names of the classes, one a line, from a file in the folder; without such a file, or when it has fewer
 * lines than there are classes, they have none. Errors: IO, MEMORY. */
wn_status wn_dataset_read_names(const char *folder, const char *file, wn_dataset *dataset);

#endif
