// The ONNX reader: whatever it accepts is a graph that verifies, and that prints.
#include "frontend/onnx/reader.h"
#include "ir/text.h"
#include "ir/verifier.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace rlx;
  std::string_view file(reinterpret_cast<const char*>(data), size);
  auto model = onnx::read_model(file, nullptr, "");
  if (!model) {
    RLX_CHECK(!model.error().items.empty(), "an error says nothing");
    return 0;
  }
  auto status = verify(model->graph, Level::kHir);
  RLX_CHECK(status.ok(), to_text(status.error()));
  RLX_CHECK(!to_text(model->graph).empty());
  return 0;
}
