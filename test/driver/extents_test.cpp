// Every operator's example of test/op with extents of 0 and 1, fixed in the model and open: compiled, run
// in guarded memory and compared with the interpreter. What the one refuses the other must not run.
#include <filesystem>
#include <set>

#include "driver/backends.h"
#include "driver/compile.h"
#include "ir/text.h"
#include "passes/pipeline.h"
#include "runtime/session.h"
#include "support/files.h"
#include "test/driver/run_tensors.h"
#include "test/oracle/run.h"

namespace rlx::driver {
namespace {

using test::Tensor;
using Extents = std::map<std::string, int64_t>;

Graph example(const std::filesystem::path& path) {
  auto file = MappedFile::open(path.string());
  REQUIRE(file.ok());
  Bytes all = (*file)->bytes();
  auto g = parse_graph({reinterpret_cast<const char*>(all.data()), all.size()});
  INFO(path);
  REQUIRE(g.ok());
  return *std::move(g);
}

template <class F>
void each_extent(Graph& g, F f) {
  for (ValueId v : g.inputs()) {
    for (Dim& d : g[v].type.shape) f(d);
  }
}

// Without what was inferred: other extents make other types.
void forget_types(Graph& g) {
  for (Value& v : g.values) {
    if (v.def.kind == ValueDef::Kind::kNode) v.type = Type::unknown();
  }
  g.top().facts.clear();
}

std::string open_name(int64_t extent) { return "open" + std::to_string(extent); }

// Each number among the inputs' extents becomes a symbol, equal ones the same.
Graph opened(Graph g) {
  forget_types(g);
  for (size_t i = 0; i < g.inputs().size(); ++i) {
    Vec<Dim>& shape = g[g.inputs()[i]].type.shape;
    for (size_t axis = 0; axis < shape.size(); ++axis) {
      auto extent = shape[axis].constant();
      if (!extent) continue;
      std::string name = open_name(*extent);
      if (!g.find_symbol(name)) {
        g.symbols.push_back(
            {.name = name, .input = static_cast<int>(i), .axis = static_cast<int>(axis)});
      }
      shape[axis] = Dim::symbol(name);
    }
  }
  return g;
}

// Every extent that can vary, by its symbol's name in the opened graph, with the value it has by itself.
Extents extents_of_inputs(Graph g) {
  Extents extents;
  each_extent(g, [&](const Dim& d) {
    if (auto c = d.constant()) extents[open_name(*c)] = *c;
    if (auto s = d.as_symbol()) extents[*s] = 3;
  });
  return extents;
}

Graph fixed(const Graph& g, const Extents& extents) {
  Graph out = opened(g);
  std::map<std::string, Dim> values(extents.begin(), extents.end());
  each_extent(out, [&](Dim& d) { d = substitute_symbols(d, values); });
  out.symbols.clear();
  return out;
}

Vec<Tensor> inputs_for(const Graph& g) {
  Vec<Tensor> inputs;
  for (ValueId v : g.inputs()) {
    const Type& type = g[v].type;
    Tensor t{type.dtype, {}, {}};
    for (const Dim& d : type.shape) t.shape.push_back(d.constant().value());
    // Integers may be indexes, of which 0 is the one that most axes have.
    t.bytes.assign(static_cast<size_t>(bytes_of(type.dtype, t.elements())), '\0');
    if (type.dtype == DType::kF32) t = test::random_f32(t.shape);
    inputs.push_back(std::move(t));
  }
  return inputs;
}

Vec<HostTensor> on_host(const Graph& g, const Vec<Tensor>& inputs) {
  Vec<HostTensor> all;
  for (size_t i = 0; i < inputs.size(); ++i) {
    HostTensor t{g[g.inputs()[i]].name, inputs[i].dtype, inputs[i].shape};
    t.data = AlignedBytes(bytes_of(inputs[i].bytes));
    all.push_back(std::move(t));
  }
  return all;
}

Result<Vec<Tensor>> interpreted(const Graph& g, const Vec<Tensor>& inputs) {
  RLX_TRY(Graph inferred, run_passes(g, {"infer_types", "expand_blocks", "infer_types"}));
  return test::interpret(inferred, inputs);
}

Result<std::unique_ptr<runtime::Session>> session_of(Graph g) {
  RLX_TRY(Target target, parse_target("host"));
  RLX_TRY(Compiled compiled, compile(std::move(g), {.target = target}));
  auto blobs = std::make_shared<std::map<Digest, ConstantData>>();
  for (auto& [digest, data] : compiled.constants.blobs) blobs->emplace(digest, data);
  auto source = [blobs](const Digest& d) -> Result<runtime::Blob> {
    return runtime::Blob{blobs->at(d).bytes(), blobs};
  };
  RLX_TRY(auto device, runtime::device_for(compiled.image, {.threads = 2, .check_memory = true}));
  return runtime::Session::load(std::move(compiled.image), source, std::move(device));
}

// Whether the session gave what the interpreter makes of the graph, whose extents are numbers; false where
// it refused them.
bool check_run(runtime::Session& session, const Graph& g) {
  Vec<Tensor> inputs = inputs_for(g);
  auto got = session.run(on_host(g, inputs));
  if (!got) {
    // Extents, and data that they leave without a place; never a fault of rlx.
    CHECK(got.error().exit_code() == 5);
    return false;
  }
  auto want = interpreted(g, inputs);
  if (!want) {
    // -1 beside a 0: n * 4 / n is 4 for a template, and nothing for numbers.
    INFO(to_text(want.error()));
    CHECK(want.error().first().message.find("not defined beside a 0") != std::string::npos);
    return false;
  }
  REQUIRE(want->size() == got->size());
  for (size_t i = 0; i < got->size(); ++i) {
    const HostTensor& t = (*got)[i];
    Tensor plain{t.dtype, t.shape,
                 std::string(reinterpret_cast<const char*>(t.data.data()), t.data.size())};
    CHECK(test::near(plain, (*want)[i], 1e-4));
  }
  return true;
}

// A model that is refused says so in a documented way.
void check_refusal(const Error& e) {
  INFO(to_text(e));
  CHECK((e.exit_code() == 3 || e.exit_code() == 4 || e.exit_code() == 5));
}

struct Sweep {
  int ran = 0;
  int refused = 0;

  void open(const Graph& g, const Extents& extents) {
    Graph open = opened(g);
    auto session = session_of(open);
    if (!session) {
      // An extent that must be a number, as a window's: the example's own symbols are left.
      check_refusal(session.error());
      open = g;
      session = session_of(g);
      if (!session) return check_refusal(session.error());
    }
    for (const auto& [name, own] : extents) {
      if (!open.find_symbol(name)) continue;
      for (int64_t value : {0, 1, 2, static_cast<int>(own)}) {
        Extents varied = extents;
        varied[name] = value;
        INFO("open, " << name << " = " << value);
        ++(check_run(**session, fixed(g, varied)) ? ran : refused);
      }
    }
  }

  void closed(const Graph& g, const Extents& extents) {
    for (const auto& [name, own] : extents) {
      for (int64_t value : {0, 1}) {
        Extents varied = extents;
        varied[name] = value;
        INFO("fixed, " << name << " = " << value);
        auto session = session_of(fixed(g, varied));
        if (session) {
          ++(check_run(**session, fixed(g, varied)) ? ran : refused);
          continue;
        }
        check_refusal(session.error());
        ++refused;
      }
    }
  }
};

}  // namespace

TEST_CASE("extents of 0 and 1 in every operator's example") {
  std::set<std::filesystem::path> examples;
  for (const auto& entry : std::filesystem::directory_iterator(RLX_TEST_SOURCE_DIR "/op")) {
    if (entry.path().extension() == ".mir") examples.insert(entry.path());
  }
  Sweep sweep;
  for (const auto& path : examples) {
    INFO(path.filename().string());
    const Graph g = example(path);
    const Extents extents = extents_of_inputs(g);
    sweep.open(g, extents);
    sweep.closed(g, extents);
  }
  // Where nearly all is refused nothing is tested.
  CHECK(sweep.ran > 4 * sweep.refused);
  CHECK(sweep.ran > 1000);
}

}  // namespace rlx::driver
