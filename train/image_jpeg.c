/* JPEG by libjpeg-turbo's TurboJPEG interface. */
#include "image.h"
#include "orientation.h"

#include <turbojpeg.h>

/* Warnings count, too: a file that is cut off decodes to grey with nothing but a warning. */
static wn_status damaged(const wn_image_file *file, tjhandle handle) {
    wn_status status = wn_error(WN_ERROR_FORMAT, "%s: damaged JPEG: %s", file->path, tjGetErrorStr2(handle));
    if (handle)
        tjDestroy(handle);
    return status;
}

static wn_status read_header(wn_image_file *file) {
    tjhandle handle = tjInitDecompress();
    int subsampling, space;
    if (!handle || tjDecompressHeader3(handle, file->bytes, file->size, &file->width, &file->height,
                                       &subsampling, &space) != 0)
        return damaged(file, handle);
    tjDestroy(handle);
    if (space == TJCS_CMYK || space == TJCS_YCCK)
        return wn_error(WN_ERROR_FORMAT, "%s: a JPEG of 4 channels (CMYK), expected grey or RGB", file->path);
    file->channels = space == TJCS_GRAY ? 1 : 3;
    file->orientation = wn_orientation_of_jpeg(file->bytes, file->size);
    return wn_ok();
}

static wn_status decode(const wn_image_file *file, int channels, uint8_t *pixels) {
    tjhandle handle = tjInitDecompress();
    if (!handle || tjDecompress2(handle, file->bytes, file->size, pixels, file->width, 0, file->height,
                                 channels == 1 ? TJPF_GRAY : TJPF_RGB, TJFLAG_ACCURATEDCT) != 0)
        return damaged(file, handle);
    tjDestroy(handle);
    return wn_ok();
}

const wn_image_format wn_image_jpeg = {"\xff\xd8\xff", 3, read_header, decode};
