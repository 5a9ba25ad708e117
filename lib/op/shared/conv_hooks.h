// Gradients of what moves windows over images, made of convolutions.
#pragma once
#include "op/shared/formula.h"
#include "op/shared/window.h"

namespace rlx {

// By the image [n, c, ...] of a convolution with w [oc, c / group, window...]: what comes back to its output
// goes through the weights turned around, with as many zeros between its elements as the windows had strides.
Wire gradient_by_image(Wire outer, Wire w, const Window& window, int64_t group,
                       const Vec<Dim>& image);
// By the weights, of which the shape is given: each is a sum over all images and places, so that the output's
// gradient is the window and channels and images change places.
Wire gradient_by_weights(Wire outer, Wire image, const Window& window, int64_t group,
                         const Vec<Dim>& weights);
// By the image of a sum over each window.
Wire gradient_of_window_sums(Wire outer, const Window& window, const Vec<Dim>& image);
// How many elements of the image each window has, [1, 1, ...]; with_padding: of the padded image.
Wire window_counts(Formula& f, DType type, const Window& window, bool with_padding);

}  // namespace rlx
