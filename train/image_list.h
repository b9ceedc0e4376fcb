/* Which image files a folder has, for which class and which split. Opens none of them. Internal to train/. */
#ifndef WN_IMAGE_LIST_H
#define WN_IMAGE_LIST_H

#include "data.h"

typedef struct wn_image_entry {
    char *path; /* owned */
    int label;
} wn_image_entry;

typedef struct wn_image_list {
    wn_image_entry *entries;
    int64_t count;
    int room;
} wn_image_list;

/* Owns its memory; zero-initialise. */
typedef struct wn_image_lists {
    wn_image_list train, test;
    char **classes; /* [class_count], sorted by bytes */
    int class_count;
} wn_image_lists;

enum { WN_LABELS_MAX = 256 }; /* what a byte can say */

/* As wn_dataset_read_images has it. The lists have to be freed after a failure, too. */
wn_status wn_image_lists_read(const char *folder, const wn_dataset_options *options, wn_image_lists *lists);
/* Forgets what lies behind the first `limit`. */
void wn_image_list_keep_first(wn_image_list *list, int64_t limit);
void wn_image_lists_free(wn_image_lists *lists);

/* Does the folder have folders in it that are not hidden? Errors: IO. */
wn_status wn_image_folder_has_folders(const char *folder, bool *has);

#endif
