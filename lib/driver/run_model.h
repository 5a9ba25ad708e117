// rlx-run's straight line: input sets -> load -> session -> outputs -> compared, written, summed up.
#pragma once
#include <functional>

#include "driver/load.h"
#include "driver/run_bench.h"
#include "driver/run_compare.h"
#include "driver/run_values.h"
#include "runtime/feedback.h"
#include "support/json.h"

namespace rlx::driver {

struct RunRequest {
  // With input_shapes only of what the input sets do not tell.
  LoadRequest load;
  // Files and folders; none: one set is generated.
  Vec<std::string> inputs = {};
  uint64_t seed = 0;
  // A .npz for the one set, or a folder with one for each; empty: not written.
  std::string outputs = {};
  // The same forms, or the inputs' own folder; empty: not compared.
  std::string expect = {};
  Tolerance tolerance = {};
  int threads = 0;
  bool check_memory = false;
  // A GPU waits after each kernel, an error names the one that failed, and nothing is written.
  bool check_kernels = false;
  // Of a target that is a GPU's: which one.
  int gpu = 0;
  // Not empty: the sets are the steps of a loop, in which these outputs are fed back (driver/run_feed.h). The last set
  // stays for all steps behind it.
  Vec<std::string> feed = {};
  // Of the loop; 0: one a set.
  int64_t steps = 0;
  // Measure each set's steady state too.
  std::optional<BenchOptions> bench = {};
  // Measure each command once.
  bool profile = false;
};

struct OutputReport {
  std::string name;
  DType dtype = DType::kF32;
  Vec<int64_t> shape;
  Summary summary;
  std::optional<Comparison> comparison;
};

struct CommandTime {
  std::string kernel;
  Vec<std::string> origin;
  int64_t ns = 0;
};

// What came of one input set.
struct RunItem {
  std::string set;
  std::string key, state, target;
  // Whether the cache has the entry.
  bool stored = false;
  // Which it is, and why.
  Taken taken;
  // The symbols that the entry leaves open, with this set's values.
  Vec<std::pair<std::string, int64_t>> dims;
  std::map<std::string, double> load_ms;
  double first_run_ms = 0;
  // Of the loop, with this set; 0: there is none.
  int64_t steps = 0;
  // What goes round in it.
  Vec<runtime::Fed> fed;
  int threads = 1;
  std::optional<Latency> latency;
  Vec<CommandTime> profile;
  Vec<OutputReport> outputs;
};

// The compile side, which tests replace.
using Loader = std::function<Result<Loaded>(const LoadRequest&)>;

// Runs all sets; items are those that were done before an error. Outputs that are not what was expected
// are an error 9xxx, after everything has run and been written.
Status run_model(const RunRequest& request, const Loader& loader, Vec<RunItem>& items);

// A few lines: an output a line, how long, whether it is right.
std::string to_text(const RunItem& item);
// An object of the schema rlx.result/1.
void write_json(JsonWriter& out, const RunItem& item);

}  // namespace rlx::driver
