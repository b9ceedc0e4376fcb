/* Pictures of a batch, side by side. */
#ifndef WN_CONTACT_SHEET_H
#define WN_CONTACT_SHEET_H

#include "loader.h"

/* Writes a PNG of images order[0..count) of a split as the loader prepares them in this epoch: resized,
 * augmented, in the network's channels; the normalisation is taken back so that they can be seen. Rows of the
 * square root of their number; small images are shown larger by a whole factor. Errors: INVALID (no images),
 * MEMORY, and what writing a PNG says. */
wn_status wn_contact_sheet_write(const char *path, wn_loader *loader, const wn_loader_options *options,
                                 const wn_split_data *split, const int64_t *order, int count, int epoch);

#endif
