/* A checkpoint of a training run with any byte of its header changed, any byte of its tensors, or cut off
 * anywhere: it is refused, or it still says all that it said. */
#include "check_pool.h"
#include "data_folder.h"
#include "random.h"
#include "safetensors.h"
#include "selected_isa.h"
#include "trainer.h"

#include <fcntl.h>

static char path[300];
static wn_safetensors *sound;

/* Metadata without a sum to hold them to, since the key of the check sum itself was damaged. */
static bool says_the_same(const wn_safetensors *file) {
    bool same = wn_safetensors_count(file) == wn_safetensors_count(sound);
    for (int i = 0; same && i < wn_safetensors_count(sound); i++) {
        const wn_safetensor *a = wn_safetensors_at(sound, i), *b = wn_safetensors_at(file, i);
        same = !strcmp(a->name, b->name) && !strcmp(a->dtype, b->dtype) && a->dims == b->dims &&
               !memcmp(a->shape, b->shape, sizeof a->shape) &&
               !memcmp(a->data, b->data, (size_t)a->count * sizeof(float));
    }
    static const char *const keys[] = {
        "network",       "variant",          "size",      "seed", "lr", "mean", "std", "picks", "state.steps",
        "state.updates", "state.epoch.loss", "state.last"};
    for (size_t i = 0; same && i < sizeof keys / sizeof *keys; i++) {
        const char *expected = wn_safetensors_metadata(sound, keys[i]);
        const char *found = wn_safetensors_metadata(file, keys[i]);
        same = expected && found && !strcmp(expected, found);
    }
    return same;
}

/* Reads the file as it is now. `harmless`: it may also say what it said before. */
static bool is_refused(bool harmless) {
    wn_safetensors *file;
    wn_status status = wn_safetensors_read(path, &file);
    bool fine = wn_failed(status)
                    ? status.code == WN_ERROR_FORMAT && status.message[0]
                    : harmless && !wn_safetensors_metadata(file, "winnow.crc32") && says_the_same(file);
    wn_safetensors_close(file);
    return fine;
}

static void put_byte(int fd, off_t at, uint8_t byte) {
    if (pwrite(fd, &byte, 1, at) != 1) {
        perror(path);
        exit(1);
    }
}

/* Every byte of [begin, end) in steps, with so many of the 255 changes drawn, or all. */
static void check_bytes(uint64_t seed, const uint8_t *bytes, size_t begin, size_t end, size_t step,
                        int changes, bool harmless) {
    int fd = open(path, O_WRONLY), missed = 0;
    for (size_t at = begin; at < end; at += step)
        for (int c = 0; c < changes; c++) {
            uint32_t drawn = wn_random_below(seed, WN_STREAM_TEST, at << 8 | (size_t)c, 255);
            put_byte(fd, (off_t)at, bytes[at] ^ (uint8_t)(1 + (changes == 255 ? (uint32_t)c : drawn)));
            if (!is_refused(harmless) && missed++ < 5)
                fprintf(stderr, "byte %zu, change %d passes\n", at, c);
            put_byte(fd, (off_t)at, bytes[at]);
        }
    close(fd);
    CHECK(missed == 0, "%d changes of bytes %zu to %zu were not seen", missed, begin, end);
}

static void check_cuts(size_t size, size_t header, size_t step) {
    int passed = 0;
    for (size_t cut = size; cut-- > 0;) {
        if (cut > header && cut % step)
            continue;
        if (truncate(path, (off_t)cut) != 0 || !is_refused(false))
            passed++;
    }
    CHECK(passed == 0, "%d truncated files pass", passed);
}

static uint8_t *read_whole(size_t *size) {
    FILE *file = fopen(path, "rb");
    static uint8_t bytes[1 << 20];
    *size = file ? fread(bytes, 1, sizeof bytes, file) : 0;
    if (file)
        fclose(file);
    return bytes;
}

static bool train(const char *checkpoints) {
    wn_recipe recipe = wn_recipe_of(wn_net_find("mnist-bn", NULL));
    wn_train_result result;
    recipe.epochs = 1;
    recipe.batch = 16;
    recipe.average = 0.9f;
    wn_pool *pool = check_pool_of(1);
    wn_status status = wn_train(&(wn_train_options){.net = "mnist-bn",
                                                    .width_divisor = 4,
                                                    .limit = 32,
                                                    .test_limit = 16,
                                                    .recipe = recipe,
                                                    .seed = 4,
                                                    .pool = pool,
                                                    .isa = selected_isa(),
                                                    .checkpoints = checkpoints},
                                &result);
    wn_pool_destroy(pool);
    return CHECK(!wn_failed(status), "%s", status.message);
}

int main(void) {
    uint64_t seed = check_seed();
    char checkpoints[256];
    make_folder();
    path_of("run", checkpoints);
    snprintf(path, sizeof path, "%s/last.safetensors", checkpoints);
    if (wn_safetensors_read(path, &sound).code == WN_ERROR_UNSUPPORTED) {
        printf("skipped: this build does not read safetensors files\n");
        check_skipped++;
    } else if (train(checkpoints) && !wn_failed(wn_safetensors_read(path, &sound))) {
        size_t size;
        const uint8_t *bytes = read_whole(&size);
        size_t header = 8 + ((size_t)bytes[0] | (size_t)bytes[1] << 8 | (size_t)bytes[2] << 16);
        printf("a header of %zu bytes and tensors of %zu\n", header, size - header);
        bool full = check_full();
        check_bytes(seed, bytes, 0, header, 1, full ? 255 : 1, true);
        check_bytes(seed, bytes, header, size, full ? 1 : 97, 1, false);
        check_cuts(size, header, full ? 1 : 89);
        wn_safetensors_close(sound);
    }
    unlink(path);
    snprintf(path, sizeof path, "%s/best.safetensors", checkpoints);
    unlink(path);
    rmdir(checkpoints);
    rmdir(folder);
    return check_finish("check_damage");
}
