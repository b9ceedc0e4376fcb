/* Names of the implementations that the registry lists; each lives in the file of its name. */
#ifndef WN_IMPLEMENTATIONS_H
#define WN_IMPLEMENTATIONS_H

#include "conv.h"

extern const wn_conv_impl wn_conv_1x1;
extern const wn_conv_impl wn_conv_cblas;
extern const wn_conv_impl wn_conv_depthwise;
extern const wn_conv_impl wn_conv_direct;
extern const wn_conv_impl wn_conv_im2col;
extern const wn_conv_impl wn_conv_libxsmm;
extern const wn_conv_impl wn_conv_onednn;
extern const wn_conv_impl wn_conv_reference;
extern const wn_conv_impl wn_conv_winograd;

#endif
