/* Stands in for image_jpeg.c where libjpeg-turbo is missing. */
#include "image.h"

static wn_status read_header(wn_image_file *file) {
    return wn_error(WN_ERROR_UNSUPPORTED, "%s: this build reads no JPEG, expected one with libturbojpeg",
                    file->path);
}

const wn_image_format wn_image_jpeg = {"\xff\xd8\xff", 3, read_header, NULL};
