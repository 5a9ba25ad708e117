// A model as JSON: what is read is written as a text that reads back the same.
#include "frontend/hir_json/reader.h"
#include "frontend/hir_json/writer.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace rlx;
  auto model = hir_json::read_model({reinterpret_cast<const char*>(data), size}, "");
  if (!model) return 0;
  auto written = hir_json::write_model(model->graph, "m.safetensors");
  if (!written || !written->weights.empty()) return 0;
  auto again = hir_json::read_model(written->text, "");
  RLX_CHECK(again.ok());
  RLX_CHECK(hir_json::write_model(again->graph, "m.safetensors")->text == written->text);
  return 0;
}
