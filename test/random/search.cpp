#include "test/random/search.h"

#include <poll.h>
#include <unistd.h>
#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstring>
#include <deque>
#include <filesystem>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "frontend/onnx/reader.h"
#include "ir/text.h"
#include "plan/plan.h"
#include "runtime/io/npz.h"
#include "support/files.h"
#include "test/random/generate.h"
#include "test/random/shrink.h"
#include "test/random/table.h"

namespace rlx::random {
namespace {

using Clock = std::chrono::steady_clock;

constexpr int64_t kBatch = 50;
constexpr int kOrtDied = 42;
// Finds of one kind that are shrunk, where the kind has a name of its own.
constexpr int kPerKind = 4;
// How often each pair of view and reader comes in a run of that many graphs.
constexpr int64_t kLeast = 50, kLong = 20'000;

uint64_t number_of(const std::string& seed) {
  Digest d = sha256(bytes_of(seed));
  uint64_t n = 0;
  std::memcpy(&n, d.bytes.data(), sizeof n);
  return n;
}

// ---- One graph --------------------------------------------------------------------------------

Trial trial_of(uint64_t seed, int64_t graph, bool ort) {
  uint64_t own = mixed(seed, static_cast<uint64_t>(graph));
  Trial t{Generator(own).make(), At::kValues, {}};
  Random random(own + 1);
  if (t.model.has_open()) {
    t.at = random.pick({At::kValues, At::kValues, At::kOnes, At::kZeros});
    if (!case_of(t.model, t.at)) t.at = At::kValues;
    t.ways.bound = random.percent(50);
  }
  t.ways.threads = random.percent(25);
  t.ways.onnxruntime = ort;
  t.ways.wide = random.percent(30);
  if (random.percent(20)) t.ways.passes_off = {random.pick(exact_passes())};
  if (random.percent(25)) t.ways.plan_off = {random.pick(plan_switches())};
  return t;
}

std::string_view name(At at) {
  switch (at) {
    case At::kValues: return "values";
    case At::kOnes: return "1";
    case At::kZeros: return "0";
  }
  return "";
}

// What a step of a loop is given besides what is fed back, from step 1 on.
std::string step_file(const std::string& stem, size_t step) {
  return fmt::format("{}.in{}.npz", stem, step);
}

// HIR where the reader takes the file.
std::string text_of(const Model& m) {
  std::string onnx = to_onnx(m);
  auto file = onnx::read_model(onnx, nullptr, "");
  return file ? rlx::to_text(file->graph) : to_text(m);
}

std::function<void(std::string_view)> note_in(Progress& p) {
  return
      [&p](std::string_view at) { std::strncpy(p.at, std::string(at).c_str(), sizeof p.at - 1); };
}

class Search {
 public:
  explicit Search(const SearchOptions& o) : o_(o), seed_(number_of(o.seed)) {}

  int run() {
    Vec<Slot> slots(static_cast<size_t>(std::max(o_.jobs, 1)));
    for (Slot& s : slots) {
      s.ort = start_ort();
      feed(s);
    }
    while (
        std::any_of(slots.begin(), slots.end(), [](const Slot& s) { return s.child != nullptr; })) {
      wait(slots);
    }
    return report();
  }

 private:
  struct Find {
    int64_t graph;
    Finding finding;
  };

  struct Slot {
    std::unique_ptr<Ort> ort;
    std::unique_ptr<Child> child;
    std::string text;
    // The batch, and whether a find is being shrunk instead.
    int64_t next = 0, last = 0;
    std::optional<Find> shrinking;
    Clock::time_point heard;
  };

  std::unique_ptr<Ort> start_ort() const {
    return o_.python.empty() ? nullptr : Ort::start(o_.python, o_.worker);
  }

  bool is_over() const {
    double minutes = std::chrono::duration<double>(Clock::now() - start_).count() / 60;
    if (o_.graphs > 0 && handed_ >= o_.graphs) return true;
    return o_.minutes > 0 && minutes >= o_.minutes;
  }

  // Gives the slot something to do, if there is anything.
  void feed(Slot& s) {
    s.child.reset(), s.shrinking.reset();
    s.text.clear();
    s.heard = Clock::now();
    if (!finds_.empty()) {
      s.shrinking = finds_.front();
      finds_.pop_front();
      s.child = Child::start([&](int lines, Progress& p) { return shrink(s, lines, p); });
      return;
    }
    if (s.next >= s.last) {
      if (is_over()) return;
      int64_t size = o_.graphs > 0 ? std::min(kBatch, o_.graphs - handed_) : kBatch;
      s.next = o_.first + handed_;
      s.last = s.next + size;
      handed_ += size;
    }
    s.child = Child::start([&](int lines, Progress& p) { return batch(s, lines, p); });
  }

  // ---- In a child ----

  int batch(Slot& s, int lines, Progress& p) const {
    for (int64_t graph = s.next; graph < s.last; ++graph) {
      begin_graph(p, graph);
      note_in(p)("generate");
      Trial t = trial_of(seed_, graph, s.ort != nullptr);
      auto c = case_of(t.model, t.at);
      if (!c) {
        write_line(lines, fmt::format("done {}", graph));
        continue;
      }
      if (o_.images) {
        write_line(lines, fmt::format("print {} {} {}", graph, compiled_digest(*c, false),
                                      compiled_digest(*c, true)));
      }
      Outcome o = o_.dry || o_.images ? Outcome{} : check(*c, t.ways, s.ort.get(), note_in(p));
      bool died = false;
      for (const std::string& made : o.made) write_line(lines, fmt::format("made {}", made));
      if (t.model.has_open()) write_line(lines, fmt::format("made open dims at {}", name(t.at)));
      for (const std::string& refused : o.refused) {
        write_line(lines, "refused " + refused);
        died |= refused.find("has died") != std::string::npos;
      }
      for (auto& [view, reader, extents] : meetings_of(t.model)) {
        write_line(lines, fmt::format("pair {}\t{}\t{}", view, reader, extents));
      }
      if (o.finding) {
        const Finding& f = *o.finding;
        write_line(lines, fmt::format("find {}\t{}\t{}", f.kind, f.what, f.detail));
      }
      write_line(lines, fmt::format("done {}", graph));
      if (died) return kOrtDied;
    }
    return 0;
  }

  int shrink(Slot& s, int lines, Progress& p) const {
    const Find& f = *s.shrinking;
    begin_graph(p, f.graph);
    // Its children have limits of their own.
    note_in(p)("shrink");
    Trial t = trial_of(seed_, f.graph, s.ort != nullptr);
    bool asks = f.finding.kind.starts_with("onnxruntime");
    t.ways.onnxruntime = asks;
    auto restart = [&] { return start_ort(); };
    const auto end = Clock::now() + std::chrono::seconds(90);
    Finding last = f.finding;
    // A model that is refused has to stay a right one, and who says so is onnxruntime.
    bool refused = f.finding.what.starts_with("E") && s.ort != nullptr;
    auto is_valid = [&](const Case& c) { return s.ort->run(c.onnx, c.inputs).refusal.empty(); };
    if (auto c = case_of(t.model, t.at); refused && c) refused = is_valid(*c);
    Fails fails = [&](const Trial& smaller) {
      if (Clock::now() > end) return false;
      auto c = case_of(smaller.model, smaller.at);
      if (!c || (refused && !is_valid(*c))) return false;
      Isolated i = check_isolated(*c, smaller.ways, s.ort, restart);
      if (!i.finding || !i.finding->same_kind(f.finding)) return false;
      last = *i.finding;
      return true;
    };
    if (!fails(t)) {
      write_line(lines, "print   not seen again alone\n");
    } else {
      t = shrunk(std::move(t), fails, o_.tries);
    }
    tell(s, lines, t, last);
    return 0;
  }

  // Writes the files, and what people read.
  void tell(Slot& s, int lines, const Trial& t, const Finding& f) const {
    std::string ops;
    for (const Node& n : t.model.nodes) ops += (ops.empty() ? "" : " ") + n.op;
    write_line(lines, fmt::format("signature {} {} [{}]", f.kind, f.what, ops));
    std::string stem = fmt::format("{}_{}", slug(f.kind + "_" + f.what), s.shrinking->graph);
    std::string text =
        fmt::format("FOUND {}: {} {}\n  {}\n  seed {} graph {}, open dims at {}, steps {}\n{}",
                    stem, f.kind, f.what, f.detail, o_.seed, s.shrinking->graph, name(t.at),
                    t.model.steps, text_isolated(t.model));
    write_line(lines, "print " + text);
    if (o_.keep.empty()) return;
    auto c = case_of(t.model, t.at);
    if (!c) return;
    std::string path = o_.keep + "/" + stem;
    bool written = make_folders(o_.keep).ok() &&
                   write_file(path + ".onnx", bytes_of(c->onnx)).ok() &&
                   write_npz(path + ".in.npz", c->inputs).ok() &&
                   write_file(path + ".txt", bytes_of(text)).ok();
    for (size_t i = 0; i < c->later.size(); ++i) {
      written &= write_npz(step_file(path, i + 1), c->later[i]).ok();
    }
    if (!written) write_line(lines, "print   cannot write " + path);
    // The interpreter may be what crashes.
    auto child = Child::start([&](int, Progress&) {
      auto want = wanted_of(*c, s.ort.get());
      return want && write_npz(path + ".want.npz", *want).ok() ? 0 : 1;
    });
    int code = 0;
    child->end(code);
    if (!o_.parent.empty() && known_to_parent(path, f)) write_line(lines, "known");
  }

  static std::string text_isolated(const Model& m) {
    auto child = Child::start([&](int out, Progress&) {
      write_line(out, text_of(m));
      return 0;
    });
    std::string text;
    char part[4096];
    for (ssize_t n; (n = read(child->lines(), part, sizeof part)) > 0;) {
      text.append(part, static_cast<size_t>(n));
    }
    for (char& ch : text) {
      if (ch == '\x01') ch = '\n';
    }
    int code = 0;
    child->end(code);
    return text.empty() ? to_text(m) : text;
  }

  bool known_to_parent(const std::string& path, const Finding& f) const {
    std::string command =
        fmt::format("'{}' --replay '{}.onnx' --worker '{}' {} 2>/dev/null", o_.parent, path,
                    o_.worker, o_.python.empty() ? "" : "--ort '" + o_.python + "'");
    FILE* out = popen(command.c_str(), "r");
    if (!out) return false;
    std::string text;
    char part[4096];
    for (size_t n; (n = fread(part, 1, sizeof part, out)) > 0;) text.append(part, n);
    pclose(out);
    return text.find(fmt::format("finding {}", f.kind)) != std::string::npos;
  }

  static std::string slug(std::string text) {
    for (char& c : text) {
      if (!std::isalnum(static_cast<unsigned char>(c))) c = '_';
    }
    return text.substr(0, 48);
  }

  // ---- In the parent ----

  void wait(Vec<Slot>& slots) {
    Vec<pollfd> polled;
    Vec<Slot*> at;
    for (Slot& s : slots) {
      if (!s.child) continue;
      polled.push_back({s.child->lines(), POLLIN, 0});
      at.push_back(&s);
    }
    poll(polled.data(), polled.size(), 1000);
    for (size_t i = 0; i < at.size(); ++i) {
      Slot& s = *at[i];
      if (polled[i].revents != 0) {
        hear(s);
      } else if (Clock::now() - s.heard > std::chrono::minutes(5)) {
        s.child->kill();
        s.heard = Clock::now();
      }
    }
  }

  void hear(Slot& s) {
    char part[65536];
    ssize_t n = read(s.child->lines(), part, sizeof part);
    s.heard = Clock::now();
    if (n <= 0) return ended(s);
    s.text.append(part, static_cast<size_t>(n));
    size_t end = 0;
    for (size_t at = 0; (end = s.text.find('\n', at)) != std::string::npos; at = end + 1) {
      std::string line = s.text.substr(at, end - at);
      for (char& c : line) {
        if (c == '\x01') c = '\n';
      }
      take(s, line);
    }
    s.text.erase(0, s.text.rfind('\n') + 1);
  }

  static std::string after(const std::string& line, std::string_view word) {
    return line.substr(word.size());
  }

  void take(Slot& s, const std::string& line) {
    if (line.starts_with("done ")) {
      s.next = std::stoll(after(line, "done ")) + 1;
      ++graphs_;
    } else if (line.starts_with("made ")) {
      ++made_[after(line, "made ")];
    } else if (line.starts_with("refused ")) {
      ++refused_[general(after(line, "refused "))];
    } else if (line.starts_with("pair ")) {
      size_t first = line.find('\t'), second = line.find('\t', first + 1);
      table_.add({line.substr(5, first - 5), line.substr(first + 1, second - first - 1),
                  line.substr(second + 1)});
    } else if (line.starts_with("find ")) {
      size_t first = line.find('\t'), second = line.find('\t', first + 1);
      found({s.next,
             {line.substr(5, first - 5), line.substr(first + 1, second - first - 1),
              line.substr(second + 1)}});
    } else if (line.starts_with("signature ")) {
      ++signatures_[after(line, "signature ")];
    } else if (line.starts_with("print ")) {
      fmt::print("{}\n", after(line, "print "));
      std::fflush(stdout);
    } else if (line == "known") {
      ++known_;
    }
  }

  // Names and numbers aside.
  static std::string general(std::string text) {
    std::string out;
    bool digit = false;
    for (char c : text.substr(0, 160)) {
      bool is = c >= '0' && c <= '9';
      if (!is) out += c;
      if (is && !digit) out += '#';
      digit = is;
    }
    return out;
  }

  void found(Find f) {
    ++found_;
    std::string kind = f.finding.kind + " " + f.finding.what;
    ++kinds_[kind];
    bool few = f.finding.what.empty() || kinds_[kind] <= kPerKind;
    if (!few || shrinks_ >= o_.shrinks) return;
    ++shrinks_;
    finds_.push_back(std::move(f));
  }

  void ended(Slot& s) {
    int code = 0;
    bool asking = std::string_view(s.child->progress().at) == "onnxruntime";
    int64_t graph = s.child->progress().graph;
    auto finding = s.child->end(code);
    if (code == kOrtDied || (finding && asking)) s.ort = start_ort();
    if (finding && !s.shrinking) {
      if (asking && finding->kind == "hang") {
        ++refused_["onnxruntime: hangs"];
      } else {
        found({graph, *finding});
      }
      ++graphs_;
      s.next = graph + 1;
    } else if (finding) {
      fmt::print("shrinking graph {} failed: {} {}\n", graph, finding->kind, finding->detail);
    }
    feed(s);
  }

  int report() const {
    double seconds = std::chrono::duration<double>(Clock::now() - start_).count();
    fmt::print("\n{}", table_.text());
    Vec<std::string> rare = table_.rare(kLeast);
    bool is_long = graphs_ >= kLong;
    if (is_long) {
      for (const std::string& r : rare) fmt::print("fewer than {}: {}\n", kLeast, r);
    }
    fmt::print("\nrefused:\n");
    for (const auto& [why, n] : refused_) fmt::print("{:>7} {}\n", n, why);
    fmt::print("\nchecks:\n");
    for (const auto& [what, n] : made_) fmt::print("{:>7} {}\n", n, what);
    if (found_ > 0) {
      fmt::print("\nfound:\n");
      for (const auto& [kind, n] : kinds_) fmt::print("{:>7} {}\n", n, kind);
      fmt::print("\nshrunk to:\n");
      for (const auto& [what, n] : signatures_) fmt::print("{:>7} {}\n", n, what);
    }
    if (o_.python.empty()) fmt::print("\nwithout --ort nothing was compared with onnxruntime\n");
    fmt::print(
        "\n{} graphs from seed {} in {:.0f} s ({:.0f} an hour), {} pairs below {}, {} found, "
        "of {} shrunk the parent shows {}\n",
        graphs_, o_.seed, seconds, static_cast<double>(graphs_) * 3600 / std::max(seconds, 1.0),
        rare.size(), kLeast, found_, shrinks_, known_);
    if (found_ > known_) return 1;
    return is_long && !rare.empty() ? 3 : 0;
  }

  const SearchOptions& o_;
  const uint64_t seed_;
  const Clock::time_point start_ = Clock::now();
  int64_t handed_ = 0, graphs_ = 0, found_ = 0, known_ = 0;
  int shrinks_ = 0;
  std::deque<Find> finds_;
  std::map<std::string, int64_t> made_, refused_, kinds_, signatures_;
  Table table_;
};

}  // namespace

int search(const SearchOptions& options) {
  for (const std::string& op : operators_without_emitter()) {
    fmt::print("no emitter makes {}: write one in test/random\n", op);
  }
  if (!operators_without_emitter().empty()) return 1;
  return Search(options).run();
}

int print_digests(const std::string& model) {
  auto import = [&]() -> Result<Graph> {
    RLX_TRY(auto file_bytes, MappedFile::open(model));
    RLX_TRY(ModelFile file, onnx::read_model(std::move(file_bytes)));
    return std::move(file.graph);
  };
  for (bool wide : {false, true}) {
    std::string name = std::filesystem::path(model).filename();
    fmt::print("{} {} {}\n", name, wide ? "v4" : "v3", compiled_digest(import(), wide));
  }
  return 0;
}

int replay(const SearchOptions& o, const std::string& model) {
  auto onnx = read_file(model);
  std::string stem = model.substr(0, model.rfind(".onnx"));
  auto inputs = std::filesystem::exists(stem + ".in.npz")
                    ? read_npz(stem + ".in.npz")
                    : Result<Vec<HostTensor>>(Vec<HostTensor>());
  if (!onnx || !inputs) {
    fmt::print("cannot read {} and {}.in.npz\n", model, stem);
    return 2;
  }
  Case c{.onnx = *onnx, .inputs = *inputs};
  while (std::filesystem::exists(step_file(stem, c.later.size() + 1))) {
    auto given = read_npz(step_file(stem, c.later.size() + 1));
    if (!given) return fmt::print("{}\n", to_text(given.error())), 2;
    c.later.push_back(std::move(*given));
  }
  auto restart = [&] { return o.python.empty() ? nullptr : Ort::start(o.python, o.worker); };
  auto ort = restart();
  Ways ways{.threads = true,
            .onnxruntime = ort != nullptr,
            .passes_off = exact_passes(),
            .plan_off = plan_switches()};
  if (auto file = onnx::read_model(c.onnx, nullptr, "")) {
    for (const Symbol& s : file->graph.symbols) {
      if (s.input < 0) continue;
      std::string input = file->graph[file->graph.inputs()[static_cast<size_t>(s.input)]].name;
      for (const HostTensor& t : c.inputs) {
        if (t.name == input) c.open[s.name] = t.shape[static_cast<size_t>(s.axis)];
      }
    }
    ways.bound = !c.open.empty();
  }
  Isolated i = check_isolated(c, ways, ort, restart);
  for (const std::string& r : i.refused) fmt::print("refused {}\n", r);
  if (!i.finding) {
    fmt::print("right: {}\n", fmt::join(i.made, ", "));
    return 0;
  }
  fmt::print("finding {}\t{}\n{}\n", i.finding->kind, i.finding->what, i.finding->detail);
  return 1;
}

}  // namespace rlx::random
