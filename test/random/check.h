// What one model is checked for, in this process.
#pragma once
#include <functional>
#include <map>

#include "test/oracle/interpret.h"
#include "test/random/model.h"
#include "test/random/ort.h"

namespace rlx::random {

// A model file and what to run it on.
struct Case {
  std::string onnx;
  Vec<HostTensor> inputs;
  // An absolute tolerance an output; none: a thousandth of the largest element.
  Vec<double> tolerances = {};
  // The open extents' values, as in the inputs.
  Binding open = {};
  // Of a loop: what the steps behind the first one are given, besides what is fed back.
  Vec<Vec<HostTensor>> later = {};
};

// Which ways of compiling and running are compared; import, the reference and the plain run always take
// part.
struct Ways {
  // The dims are bound before planning.
  bool bound = false;
  bool threads = false;
  bool onnxruntime = false;
  // With the tiles of x86-64-v4 instead of v3's; where AVX-512 is missing, with v3's instructions.
  bool wide = false;
  // Passes, each of which must not change a bit; empty: none.
  Vec<std::string> passes_off = {};
  // Switches of plan/, likewise.
  Vec<std::string> plan_off = {};
};

struct Finding {
  // "import", "compile", "bits", "bound", "onnxruntime", "threads", "signal 11", ...
  std::string kind;
  // What tells one fault of the kind from another: an error code, a condition; may be empty.
  std::string what;
  // For people.
  std::string detail;

  bool same_kind(const Finding& o) const { return kind == o.kind && what == o.what; }
};

struct Outcome {
  std::optional<Finding> finding;
  // Checks that were made, by name.
  Vec<std::string> made;
  // Who refused, and why: "rlx: ...", "onnxruntime: ...".
  Vec<std::string> refused;
};

// `at` is told what begins, so that a crash can be placed. `ort` may be null.
Outcome check(const Case& c, const Ways& ways, Ort* ort,
              const std::function<void(std::string_view)>& at);

// What the model compiles to, image and constants, as one digest; "E" and a code where it is refused. The
// code key is left out, in which the compiler's own identity stands: two compilers that give the same
// digests make the same code.
std::string compiled_digest(Result<Graph> hir, bool wide);
std::string compiled_digest(const Case& c, bool wide);

// The right outputs: onnxruntime's, else the interpreter's on the graph as imported.
Result<Vec<HostTensor>> wanted_of(const Case& c, Ort* ort);

// Passes that can be left out one at a time and must not change a bit.
const Vec<std::string>& exact_passes();

}  // namespace rlx::random
