// What a run needs where a variant for larger dims serves: inputs longer, outputs shorter.
#pragma once
#include "driver/choose_variant.h"
#include "image/image.h"
#include "runtime/io/host_tensor.h"

namespace rlx::driver {

// Inputs as long as the image takes them, with zeros at the ends of axes. The image has no symbols. Error 5020 where one
// has not the extents that the cover says; 11xxx, as from cutting, where memory is short.
Status pad_inputs(Vec<HostTensor>& inputs, const image::Image& image, const Cover& cover);
// The beginnings that the cover says.
Result<Vec<HostTensor>> cut_outputs(const Vec<HostTensor>& outputs, const Cover& cover);

}  // namespace rlx::driver
