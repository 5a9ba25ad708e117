#include "runtime/cuda/library.h"

#include "support/log.h"

namespace rlx::runtime::cuda {
namespace {

// CUdevice_attribute: of the compute capability.
constexpr int kMajorAttribute = 75, kMinorAttribute = 76;
// CU_JIT_INPUT_PTX.
constexpr int kPtxInput = 1;

// What the driver's compiler has to say.
class CompilerLog {
 public:
  unsigned count() const { return 2; }
  int* names() { return names_; }
  void** values() { return values_; }

  Error error_of(const Status& failed) {
    const Diagnostic& said = failed.error().first();
    const std::string words = text_.substr(0, text_.find('\0'));
    return Error(said.code, said.message + (words.empty() ? "" : ": " + words),
                 "a newer driver, or --target=host");
  }

 private:
  std::string text_ = std::string(16 << 10, '\0');
  // CU_JIT_ERROR_LOG_BUFFER and its size.
  int names_[2] = {5, 6};
  // NOLINTNEXTLINE(performance-no-int-to-ptr): a number in the place of a pointer is how the driver takes it.
  void* values_[2] = {text_.data(), reinterpret_cast<void*>(text_.size())};
};

class Link {
 public:
  explicit Link(const Driver& driver) : driver_(driver) {}
  ~Link() {
    if (linker_ != nullptr) driver_.destroy_linker(linker_);
  }
  Link(const Link&) = delete;
  Link& operator=(const Link&) = delete;

  // PTX ends with a 0.
  Result<std::string> link(const std::string& ptx, CompilerLog& log) {
    void* cubin = nullptr;
    size_t bytes = 0;
    RLX_TRY_VOID(driver_.checked(
        "cuLinkCreate", driver_.create_linker(log.count(), log.names(), log.values(), &linker_)));
    RLX_TRY_VOID(driver_.checked(
        "compiling", driver_.link_data(linker_, kPtxInput, const_cast<char*>(ptx.c_str()),
                                       ptx.size() + 1, "rlx", 0, nullptr, nullptr)));
    RLX_TRY_VOID(driver_.checked("compiling", driver_.finish_linking(linker_, &cubin, &bytes)));
    return std::string(static_cast<const char*>(cubin), bytes);
  }

 private:
  const Driver& driver_;
  Linker* linker_ = nullptr;
};

// Of what this GPU and this driver make of it.
Digest name_of(const Gpu& gpu, const std::string& ptx) {
  int version = 0;
  if (gpu.driver().version(&version) != 0) version = 0;
  Hasher hasher("rlx.v1.jit");
  hasher.field("ptx", ptx);
  hasher.field("driver", version);
  hasher.field("major", gpu.attribute(kMajorAttribute));
  hasher.field("minor", gpu.attribute(kMinorAttribute));
  return hasher.finish();
}

}  // namespace

void Unload::operator()(Library* library) const {
  if (gpu->enter()) gpu->driver().unload_module(library);
}

Result<LoadedLibrary> load_library(const Gpu& gpu, const std::string& code) {
  CompilerLog log;
  Library* library = nullptr;
  const Driver& driver = gpu.driver();
  const Status loaded = driver.checked(
      "loading code",
      driver.load_module(&library, code.c_str(), log.count(), log.names(), log.values()));
  if (!loaded) return log.error_of(loaded);
  return LoadedLibrary(library, Unload{&gpu});
}

Result<std::string> machine_code_of(const Gpu& gpu, const std::string& ptx) {
  CompilerLog log;
  auto made = Link(gpu.driver()).link(ptx, log);
  if (made) return made;
  return log.error_of(Error(made.error()));
}

Result<LoadedLibrary> load_code(const Gpu& gpu, const image::GpuCode& code,
                                const CodeKeeper& keeper) {
  if (!code.cubin.empty()) {
    // One for another architecture, or by a newer toolkit than the driver's.
    if (auto library = load_library(gpu, code.cubin)) return library;
  }
  if (!keeper.keep) return load_library(gpu, code.ptx);
  const Digest name = name_of(gpu, code.ptx);
  if (const std::optional<std::string> before = keeper.find(name)) {
    if (auto library = load_library(gpu, *before)) return library;
  }
  log::info("the GPU's driver compiles; what it makes is kept");
  RLX_TRY(const std::string made, machine_code_of(gpu, code.ptx));
  auto library = load_library(gpu, made);
  if (!library) return load_library(gpu, code.ptx);
  keeper.keep(name, made);
  return library;
}

}  // namespace rlx::runtime::cuda
