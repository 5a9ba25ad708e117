// random_graphs: searches for models that rlx gets wrong.
#include <cstdlib>
#include <thread>

#include <fmt/format.h>

#include "test/random/generate.h"
#include "test/random/search.h"

namespace {

constexpr std::string_view kHelp = R"(usage: random_graphs [flags]
  --seed TEXT       any text; another gives other graphs (1)
  --graphs N        end after so many graphs
  --minutes T       end after so many minutes
  --first I         begin at that graph of the seed
  --threads N       children at a time (the cores)
  --ort PYTHON      compare with onnxruntime of that Python
  --keep DIR        write what fails: .onnx, .in.npz, .want.npz, .txt; of a loop .in1.npz and so on, what
                    its later steps are given
  --shrinks N       finds to shrink, at most (40)
  --tries N         steps of one shrinking, at most (500)
  --parent BIN      a random_graphs of the parent commit: its finds are counted apart
  --dry 1           make the models and count them only
  --images 1        print digests of what the models compile to, and run nothing: two builds that give
                    the same lines, sorted, make the same code
  --without NAME    make no node of that operator, by its name in MIR; may be given again
  --model FILE      print these digests of an .onnx file
  --replay FILE     check one .onnx on the .in.npz beside it, and on .in1.npz and so on as a loop
  --worker FILE     ort_worker.py
ends with 0 if nothing is wrong, 1 if something is, 2 for a wrong flag, 3 if a pair of the table came too
rarely in a long run
)";

int usage(const std::string& why) {
  fmt::print(stderr, "{}\n{}", why, kHelp);
  return 2;
}

}  // namespace

int main(int argc, char** argv) {
  rlx::random::SearchOptions o;
  o.jobs = static_cast<int>(std::max(1U, std::thread::hardware_concurrency()));
  std::string replay;
  for (int i = 1; i < argc; i += 2) {
    std::string flag = argv[i];
    if (flag == "--help") return fmt::print("{}", kHelp), 0;
    if (i + 1 >= argc) return usage(flag + " needs a value");
    std::string value = argv[i + 1];
    if (flag == "--seed") {
      o.seed = value;
    } else if (flag == "--graphs") {
      o.graphs = std::atoll(value.c_str());
    } else if (flag == "--minutes") {
      o.minutes = std::atof(value.c_str());
    } else if (flag == "--first") {
      o.first = std::atoll(value.c_str());
    } else if (flag == "--threads") {
      o.jobs = std::atoi(value.c_str());
    } else if (flag == "--ort") {
      o.python = value;
    } else if (flag == "--keep") {
      o.keep = value;
    } else if (flag == "--shrinks") {
      o.shrinks = std::atoi(value.c_str());
    } else if (flag == "--tries") {
      o.tries = std::atoi(value.c_str());
    } else if (flag == "--dry") {
      o.dry = value != "0";
    } else if (flag == "--images") {
      o.images = value != "0";
    } else if (flag == "--without") {
      if (!rlx::random::leave_out(value)) return usage("no graph has an operator " + value);
    } else if (flag == "--model") {
      return rlx::random::print_digests(value);
    } else if (flag == "--parent") {
      o.parent = value;
    } else if (flag == "--replay") {
      replay = value;
    } else if (flag == "--worker") {
      o.worker = value;
    } else {
      return usage("unknown flag " + flag);
    }
  }
  if (!replay.empty()) return rlx::random::replay(o, replay);
  if (o.graphs <= 0 && o.minutes <= 0) return usage("--graphs, --minutes or --replay is needed");
  return rlx::random::search(o);
}
