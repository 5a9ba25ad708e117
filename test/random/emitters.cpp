// Which operators have emitters, and what they are called.
#include <algorithm>

#include "test/random/generate.h"

namespace rlx::random {

namespace {

Vec<Emitter> all_emitters() {
  Vec<Emitter> all;
  for (const Vec<Emitter>& some :
       {list_emitters(), told_emitters(), image_emitters(), signal_emitters(), view_emitters(),
        product_emitters(), row_emitters(), elementwise_emitters(), quantised_emitters(),
        equation_emitters()}) {
    all.insert(all.end(), some.begin(), some.end());
  }
  return all;
}

Vec<Emitter>& emitters_in_use() {
  static Vec<Emitter> all = all_emitters();
  return all;
}

// Graphs are of set 20. test/random/attention.py writes what these do with operators of that set, or test/op/blocks.py.
bool is_of_later_set(std::string_view op) {
  return op == "attention" || op == "rms_normalization" || op == "rotary_embedding" ||
         op == "tensor_scatter";
}

}  // namespace

const Vec<Emitter>& emitters() { return emitters_in_use(); }

bool leave_out(std::string_view op) {
  return std::erase_if(emitters_in_use(), [&](const Emitter& e) { return e.op == op; }) > 0;
}

Vec<std::string> operators_without_emitter() {
  const Vec<Emitter> all = all_emitters();
  Vec<std::string> missing;
  for (const OpDef* op : all_ops()) {
    // What owns regions is written around other nodes, and no ONNX model has what is rlx's own.
    if (op->regions > 0 || op->own || is_of_later_set(op->name)) continue;
    bool made =
        std::any_of(all.begin(), all.end(), [&](const Emitter& e) { return e.op == op->name; });
    if (!made) missing.emplace_back(op->name);
  }
  return missing;
}

std::string onnx_name(std::string_view op) {
  if (op == "is_nan") return "IsNaN";
  if (op == "matmul") return "MatMul";
  if (op == "prelu") return "PRelu";
  if (op == "gather_nd") return "GatherND";
  if (op == "dft") return "DFT";
  if (op == "stft") return "STFT";
  if (op == "scatter_nd") return "ScatterND";
  if (op == "matmul_integer") return "MatMulInteger";
  std::string name;
  bool upper = true;
  for (char c : op) {
    if (c == '_') {
      upper = true;
      continue;
    }
    name += upper && c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
    upper = false;
  }
  return name;
}

}  // namespace rlx::random
