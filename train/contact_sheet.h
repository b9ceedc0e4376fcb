/* Pictures of a batch, side by side. */
#ifndef WN_CONTACT_SHEET_H
#define WN_CONTACT_SHEET_H

#include "loader.h"

/* Writes a PNG of `count` images as the loader prepares them, [count][channels][size][size] with the options'
 * channels and size; the normalisation is taken back so that they can be seen. Rows of the square root of
 * their number; small images are shown larger by a whole factor. Errors: INVALID (no images), MEMORY, and
 * what writing a PNG says. */
wn_status wn_contact_sheet_write(const char *path, const wn_loader *loader, const wn_loader_options *options,
                                 const float *images, int count);

#endif
