#include "driver/build.h"

#include <algorithm>
#include <chrono>
#include <filesystem>

#include "cache/codes.h"
#include "cache/inflight.h"
#include "cache/key.h"
#include "driver/backends.h"
#include "driver/codes.h"
#include "driver/full_build.h"
#include "driver/open_entry.h"
#include "driver/store_compiled.h"
#include "driver/switches.h"
#include "driver/toolchain.h"
#include "support/files.h"
#include "support/log.h"

namespace rlx::driver {
namespace {

using cache::Lookup;
using cache::Store;

class Clock {
 public:
  // Milliseconds since the last call.
  double lap() {
    auto now = std::chrono::steady_clock::now();
    const double ms = std::chrono::duration<double, std::milli>(now - last_).count();
    last_ = now;
    return ms;
  }

 private:
  std::chrono::steady_clock::time_point last_ = std::chrono::steady_clock::now();
};

// All that the stamp's key depends on besides the model's bytes, in one spelling.
std::string spelled(const BuildRequest& r, const Target& target) {
  std::string text = "target=" + target.text;
  for (const auto& [name, value] : r.options) {
    text.append("\noption ").append(name).append("=").append(value);
  }
  Dims dims = r.dims;
  std::sort(dims.begin(), dims.end());
  for (const auto& [name, value] : dims) {
    text.append("\ndim ").append(name).append("=").append(std::to_string(value));
  }
  const auto add_shapes = [&](const char* what, const InputShapes& shapes) {
    for (const auto& [name, extents] : shapes) {
      text.append(what).append(name).append("=");
      for (const int64_t e : extents) text.append(std::to_string(e)).append(",");
    }
  };
  add_shapes("\nshape ", r.shapes);
  add_shapes("\nlist ", r.lists);
  for (const std::string& name : r.given) text.append("\ngiven ").append(name);
  return text + "\nkey=" + r.key + "\nsalt=" + r.cache.salt;
}

// What the shapes of the inputs give. The model's inputs lack the axis that --batch gives them.
Result<Dims> dims_of_shapes(const Graph& g, const BuildRequest& r) {
  const ByInputs batch = switches_of(r.options).batch;
  InputShapes shapes = r.shapes;
  std::optional<int64_t> extent;
  for (auto& [input, extents] : shapes) {
    if (std::ranges::find(batch.inputs, input) == batch.inputs.end() || extents.empty()) continue;
    extent = extents.front();
    extents.erase(extents.begin());
  }
  RLX_TRY(Dims given, dims_of(g, shapes));
  const auto number = parse_dim(batch.is_asked() ? batch.name : "0");
  if (extent && number && !number->constant()) given.emplace_back(batch.name, *extent);
  return given;
}

Result<Action> action_for(const Graph& graph, const BuildRequest& r, const Target& target) {
  Action action = action_of(graph, r.model, target, r.options, r.cache.salt);
  RLX_TRY(const Dims dims, wanted_dims(graph, r));
  if (!dims.empty()) action = bound_action(action, dims);
  if (!r.key.empty()) action.key = r.key;
  return action;
}

class Builder {
 public:
  Builder(const BuildRequest& request, bool open) : r_(request), open_(open) {}

  Result<Built> run() {
    RLX_TRY(out_.target, parse_target(r_.target));
    RLX_TRY(store_, Store::open(r_.cache));
    Status status = from_request();
    if (!status) return std::move(status.error());
    return std::move(out_);
  }

 private:
  void note(const char* step) { out_.ms.emplace_back(step, clock_.lap()); }

  Status from_request() {
    if (!r_.key.empty()) RLX_TRY_VOID(cache::check_key(r_.key));
    if (r_.graph) return from_graph(*r_.graph);
    return is_model_file(r_.model) ? from_file() : from_key();
  }

  Status from_file() {
    const cache::Request request{absolute_path(r_.model), spelled(r_, out_.target),
                                 compiler_id() + llvm_version()};
    if (auto stamped = r_.strict ? std::nullopt : cache::find_stamp(*store_, request)) {
      RLX_TRY(const bool found, find(stamped->key, stamped->action));
      if (found) return {};
    }
    cache::Snapshot snapshot;
    RLX_TRY(files_, imported_model(r_));
    note("import");
    for (const auto& file : files_.files) snapshot.files.push_back(file->stamp());
    sources_ = sources_in(files_, snapshot);
    RLX_TRY_VOID(from_graph(std::move(files_.graph)));
    if (!r_.strict) cache::write_stamp(*store_, request, snapshot, {out_.key, action_});
    return {};
  }

  Status from_graph(Graph graph) {
    RLX_TRY(const Action action, action_for(graph, r_, out_.target));
    RLX_TRY(Dims dims, wanted_dims(graph, r_));
    action_ = action.digest;
    note("key");
    return find_or_make(action, [&] { return compile(std::move(graph), compile_options(dims)); });
  }

  // The key of a template with dims to bind, or of any entry to run as it is.
  Status from_key() {
    RLX_TRY(Lookup base, lookup_template(*store_, r_.model));
    if (!r_.options.empty()) {
      return Error(kSwitchesOfEntry, "entry " + r_.model + " was compiled with its own switches",
                   "give the model, or leave --math, --precision, --grad and the like out");
    }
    RLX_TRY(const Lir shallow, lir_from_json(base.lir, {}));
    RLX_TRY(out_.target, parse_target(shallow.target));
    sources_ = cache::find_sources(*store_, base.hit->key).value_or(cache::Sources());
    RLX_TRY(const Dims dims, wanted_dims(shallow.graph, r_));
    if (dims.empty()) {
      RLX_TRY(const bool found, use(*base.hit, base.lir));
      if (!found && not_at_hand_) return *not_at_hand_;
      return found ? Status()
                   : Error(kDamagedEntry,
                           "entry " + r_.model + " is damaged and its model is not given",
                           "compile the model again");
    }
    Action action;
    action.key = base.hit->key;
    action.digest = base.hit->action;
    action.fingerprint = base.hit->fingerprint;
    action.structure = base.hit->structure;
    action.inputs = base.hit->inputs;
    return find_or_make(bound_action(action, dims), [&]() -> Result<Compiled> {
      RLX_TRY(const cache::ExternalBlobs external, open_external(*base.hit));
      RLX_TRY(const Lir lir, open_lir(*store_, *base.hit, external, base.lir));
      return compile_bound(lir, compile_options(dims));
    });
  }

  CompileOptions compile_options(const Dims& dims) {
    return {.target = out_.target,
            .dims = dims,
            .options = r_.options,
            .passes = r_.passes,
            .jobs = r_.jobs,
            .find_code = [this](const Digest& code_key) { return open_code(*store_, code_key); },
            .keep_blob = [this](const Digest& digest,
                                ConstantData data) { return stored(digest, std::move(data)); },
            .phase = [this](std::string_view name) { progress_.phase(name); }};
  }

  // The blob as the store has it: what was made in memory is free then. Where it has none, the bytes stay.
  Result<ConstantData> stored(const Digest& digest, ConstantData data) {
    const bool may_refer = r_.weights == Weights::kRef || !store_->writable();
    const auto source = std::ranges::find(sources_.constants, digest, &cache::Source::digest);
    if (may_refer && source != sources_.constants.end()) {
      external_.insert(digest);
      return files_.files.empty() ? data : in_file(*source);
    }
    if (!store_->writable()) return data;
    if (!publication_) publication_.emplace(*store_);
    RLX_TRY_VOID(store_->put_blob(digest, data.bytes()));
    auto size = static_cast<int64_t>(data.bytes().size());
    auto there = store_->blob({.digest = digest, .size = size, .role = cache::Role::kForm});
    if (!there) return data;
    auto keeper = std::make_shared<cache::BlobBytes>(std::move(*there));
    return ConstantData::view(keeper->bytes(), keeper);
  }

  // What was made in memory may be the same bytes: of weights of zeros a form is.
  ConstantData in_file(const cache::Source& source) const {
    const auto& file = files_.files[static_cast<size_t>(source.file)];
    const auto offset = static_cast<size_t>(source.offset), size = static_cast<size_t>(source.size);
    return ConstantData::view(file->bytes().subspan(offset, size), file);
  }

  // A usable entry of that key, or false.
  Result<bool> find(const std::string& key, std::optional<Digest> action, bool again = false) {
    RLX_TRY(Lookup found, store_->lookup(key, {.action = action, .lir = false, .again = again}));
    note("lookup");
    if (found.hit && lacks_copies(*found.hit)) {
      become_full_build();
      why_ = Lookup::Why::kRefresh;
      return false;
    }
    if (found.hit) return use(*found.hit, {});
    if (!r_.require_hit && !again) become_full_build();
    why_ = found.why;
    if (why_ == Lookup::Why::kDamaged || why_ == Lookup::Why::kForeign ||
        why_ == Lookup::Why::kUnsigned || why_ == Lookup::Why::kUnreadable) {
      store_->complain(found.reason);
    } else {
      log::debug(found.reason);
    }
    return false;
  }

  // One line for each miss: what the nearest entry was made from that differs.
  void explain_miss(const Action& action) {
    if (why_ != Lookup::Why::kAbsent && why_ != Lookup::Why::kOtherAction) return;
    out_.nearest = cache::nearest(*store_, action.key, action.inputs);
    if (!log::enabled(log::Level::kWarning)) return;
    log::note("cache: miss: " + action.key + ": " +
              (out_.nearest ? to_text(*out_.nearest) : "there is no entry yet"));
  }

  // Whether the entry leaves weights in the model's files, and that was not wanted.
  bool lacks_copies(const cache::Entry& entry) const {
    return r_.weights == Weights::kEmbed &&
           std::ranges::any_of(entry.blobs, [&](const cache::BlobRef& b) {
             return b.role == cache::Role::kExternal && !store_->contains(b.digest, b.size);
           });
  }

  // Where the entry's weights are that it leaves in files: as it was noted, else in the files at hand.
  cache::Sources sources_for(const cache::Entry& entry) {
    auto noted = cache::find_sources(*store_, entry.key);
    if (noted && noted->unchanged) return std::move(*noted);
    auto here = sources_of(sources_, external_of(entry));
    if (!here) return noted ? std::move(*noted) : cache::Sources();
    cache::write_sources(*store_, entry.key, *here);
    return std::move(*here);
  }

  Result<cache::ExternalBlobs> open_external(const cache::Entry& entry) {
    if (!entry.find(cache::Role::kExternal)) return cache::ExternalBlobs();
    RLX_TRY(cache::ExternalBlobs external,
            cache::open_external(*store_, entry, sources_for(entry), r_.trusts_no_file()));
    if (external.renewed) cache::write_sources(*store_, entry.key, *external.renewed);
    return external;
  }

  // Opens a hit; what is damaged in it makes it a miss. An image alone is made again from the LIR.
  Result<bool> use(const cache::Entry& entry, std::string lir) {
    out_.key = entry.key;
    out_.dims = dims_bound(entry.inputs);
    out_.hit = out_.stored = true;
    Result<cache::ExternalBlobs> external = open_external(entry);
    if (!external) return missed(external.error());
    if (!open_) return true;
    Result<image::Image> image = open_image(*store_, entry);
    const bool elsewhere = !image && image.error().first().code == kOtherMachine;
    // Who asked for a hit asked for nothing to be compiled.
    if (elsewhere && r_.require_hit) {
      return Error(kOtherMachine, entry.key + ": " + image.error().first().message,
                   "drop --require-cached: it is made again for this machine");
    }
    if (elsewhere) {
      RLX_TRY(out_.target, parse_target("host"));
    }
    if (!image) {
      become_full_build();
      store_->complain("image of " + entry.key + ": " + image.error().first().message +
                       "; made again from its LIR");
      image = remake_image(*store_, entry, std::move(lir), out_.target, r_.jobs);
      if (!image) return missed(image.error());
    }
    out_.image = std::move(*image);
    note("image");
    Result<Blobs> blobs = open_blobs(*store_, entry, *external, out_.image, r_.jobs);
    if (!blobs) return missed(blobs.error());
    out_.blobs = std::move(*blobs);
    out_.files = std::move(external->files);
    note("weights");
    return true;
  }

  bool missed(const Error& why) {
    out_.hit = out_.stored = false;
    // The model, where there is one, says where its weights are now.
    if (why.first().code == cache::kNotAtHand) {
      log::debug(why.first().message);
      not_at_hand_ = why;
      return false;
    }
    become_full_build();
    store_->complain(why.first().message + "; compiled again");
    return false;
  }

  template <class Make>
  Status find_or_make(const Action& action, Make make) {
    RLX_TRY(bool found, find(action.key, action.digest));
    if (found) return {};
    if (r_.require_hit) return pull_only(action);
    const cache::KeyLock lock = store_->lock(action.key);
    RLX_TRY(found, find_again(lock, action));
    if (found) return {};
    RLX_TRY_VOID(check_compiler());
    explain_miss(action);
    if (must_store()) RLX_TRY_VOID(store_->check_writable());
    return make_and_publish(lock, action, make);
  }

  Status pull_only(const Action& action) {
    cache::KeyLock lock;
    if (cache::Remote(r_.remote).ok()) lock = store_->lock(action.key);
    RLX_TRY(const bool found, pull(action));
    if (found) return {};
    return Error(kNotCached, "not in the cache: " + action.key,
                 "compile it first, or drop --require-cached");
  }

  // What another process made while this one waited for the lock, or what the remote cache has.
  Result<bool> find_again(const cache::KeyLock& lock, const Action& action) {
    if (lock.held()) {
      RLX_TRY(const bool found, find(action.key, action.digest, true));
      if (found) return true;
      progress_ = cache::InflightNote(store_->root(), action.key);
    }
    return pull(action);
  }

  template <class Make>
  Status make_and_publish(const cache::KeyLock& lock, const Action& action, Make make) {
    auto start = std::chrono::steady_clock::now();
    auto made = make();
    note("compile");
    // Constants are read where they lie in the model's files: what was made of others is nothing.
    RLX_TRY_VOID(check_unchanged(files_));
    RLX_TRY(Compiled compiled, std::move(made));
    const int64_t ms = std::chrono::duration_cast<std::chrono::milliseconds>(
                           std::chrono::steady_clock::now() - start)
                           .count();
    // Before the record: once that is there nobody clears a note that a kill has left.
    progress_ = {};
    RLX_TRY_VOID(store_made(lock, action, compiled, ms));
    publication_.reset();
    note("publish");
    out_.dims = dims_bound(action.inputs);
    return keep(std::move(compiled), action.key);
  }

  // Who turned the cache off knows that it takes nothing.
  bool must_store() const { return r_.must_store && r_.cache.mode != cache::Mode::kOff; }

  Status store_made(const cache::KeyLock& lock, const Action& action, const Compiled& compiled,
                    int64_t ms) {
    // Before the record: no entry is there of which nobody knows where its weights are.
    if (!external_.empty()) {
      cache::write_sources(*store_, action.key, *sources_of(sources_, external_));
    }
    RLX_TRY_VOID(store_compiled(*store_, lock, action, compiled, external_, ms));
    std::optional<Error> trouble = store_->trouble();
    out_.stored = !trouble && store_->writable();
    if (out_.stored) push(action.key);
    if (!must_store() || out_.stored) return {};
    return trouble ? std::move(*trouble) : store_->check_writable();
  }

  // From the remote cache, if there is one and it has the entry.
  Result<bool> pull(const Action& action) {
    cache::Remote remote(r_.remote);
    if (!remote.ok()) return false;
    progress_.phase("asking the remote cache");
    const bool came = remote.pull(*store_, action.key, cache::TrustedKeys::load());
    note("pull");
    if (!came) return false;
    return find(action.key, action.digest, true);
  }

  // Trouble is a warning: the entry is here.
  void push(const std::string& key) {
    cache::Remote remote(r_.remote);
    if (!remote.ok() || r_.remote.mode != cache::RemoteMode::kReadWrite) return;
    auto signing = cache::SigningKey::load();
    auto sent = signing ? remote.push(*store_, key, *signing) : Result<int64_t>(signing.error());
    if (!sent) store_->complain("remote cache: not pushed: " + sent.error().first().message);
    note("push");
  }

  // What was compiled is used as it is in memory: the publisher never reads back.
  Status keep(Compiled compiled, const std::string& key) {
    out_.key = key;
    out_.hit = false;
    out_.image = std::move(compiled.image);
    RLX_TRY_VOID(keep_external(compiled));
    for (auto& [digest, data] : compiled.constants.blobs) {
      auto keeper = std::make_shared<ConstantData>(std::move(data));
      out_.blobs.emplace(digest, cache::BlobBytes(keeper, keeper->bytes()));
    }
    return {};
  }

  // What stays in files is opened as at a hit: it may not be trusted yet.
  Status keep_external(const Compiled& compiled) {
    if (!open_ || external_.empty()) return {};
    cache::Entry entry{.key = out_.key};
    for (const auto& [digest, data] : compiled.constants.blobs) {
      if (!external_.contains(digest)) continue;
      entry.blobs.push_back({.digest = digest,
                             .size = static_cast<int64_t>(data.bytes().size()),
                             .role = cache::Role::kExternal});
    }
    RLX_TRY(cache::ExternalBlobs external,
            cache::open_external(*store_, entry, *sources_of(sources_, external_), false));
    out_.blobs = std::move(external.blobs);
    out_.files = std::move(external.files);
    return {};
  }

  const BuildRequest& r_;
  bool open_;
  std::optional<Store> store_;
  // After the store, whose folder it writes to.
  cache::InflightNote progress_;
  // While constants are in the store that no entry names yet.
  std::optional<cache::Publication> publication_;
  // The model's files, without the graph; none for a graph in memory and for a key.
  ModelFile files_;
  // Where large constants lie in the files of the model, or of the entry that is bound.
  cache::Sources sources_;
  // Of what is compiled, the constants that stay there.
  std::set<Digest> external_;
  // Why the last hit was none.
  std::optional<Error> not_at_hand_;
  Digest action_ = {};
  Lookup::Why why_ = Lookup::Why::kAbsent;
  Built out_;
  Clock clock_;
};

}  // namespace

Result<Dims> wanted_dims(const Graph& g, const BuildRequest& r) {
  RLX_TRY(Dims given, dims_of_shapes(g, r));
  Dims dims = r.dims;
  for (auto& [name, value] : given) {
    const auto by_name = std::ranges::find(r.dims, name, &Dims::value_type::first);
    if (by_name == r.dims.end()) {
      dims.emplace_back(std::move(name), value);
    } else if (by_name->second != value) {
      return Error(kShapeMismatch,
                   "dim " + name + " is given as " + std::to_string(by_name->second) +
                       ", and the shape of an input makes it " + std::to_string(value));
    }
  }
  return dims;
}

bool is_model_file(const std::string& model_or_key) {
  std::error_code error;
  return std::filesystem::exists(model_or_key, error);
}

Result<ModelFile> imported_model(const BuildRequest& request) {
  Import import{request.model, request.given, inputs_asked(request.options), request.lists};
  if (request.imports) {
    const auto known = request.imports->find(import);
    if (known != request.imports->end()) return known->second;
  }
  RLX_TRY(ModelFile model, watched_model(import.path, import.given, import.opened, import.lists));
  if (request.imports) request.imports->emplace(std::move(import), model);
  return model;
}

Result<Action> key_of(const BuildRequest& request) {
  RLX_TRY(const Target target, parse_target(request.target));
  RLX_TRY(const ModelFile model, imported_model(request));
  RLX_TRY(Action action, action_for(model.graph, request, target));
  RLX_TRY_VOID(check_unchanged(model));
  return action;
}

Result<Built> build(const BuildRequest& request, bool open) { return Builder(request, open).run(); }

}  // namespace rlx::driver
