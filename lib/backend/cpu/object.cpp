#include "backend/cpu/object.h"

#include <llvm/Analysis/AliasAnalysis.h>
#include <llvm/Analysis/AssumptionCache.h>
#include <llvm/Analysis/BasicAliasAnalysis.h>
#include <llvm/Analysis/LastRunTrackingAnalysis.h>
#include <llvm/Analysis/MemorySSA.h>
#include <llvm/Analysis/OptimizationRemarkEmitter.h>
#include <llvm/Analysis/ProfileSummaryInfo.h>
#include <llvm/Analysis/ScalarEvolution.h>
#include <llvm/Analysis/ScopedNoAliasAA.h>
#include <llvm/Analysis/TargetLibraryInfo.h>
#include <llvm/Analysis/TargetTransformInfo.h>
#include <llvm/IR/LegacyPassManager.h>
#include <llvm/IR/Verifier.h>
#include <llvm/MC/TargetRegistry.h>
#include <llvm/Object/ELFObjectFile.h>
#include <llvm/Support/ErrorHandling.h>
#include <llvm/Support/TargetSelect.h>
#include <llvm/Target/TargetMachine.h>
#include <llvm/Transforms/InstCombine/InstCombine.h>
#include <llvm/Transforms/Scalar/EarlyCSE.h>
#include <llvm/Transforms/Scalar/LICM.h>
#include <llvm/Transforms/Scalar/LoopPassManager.h>
#include <llvm/Transforms/Scalar/SROA.h>
#include <llvm/Transforms/Scalar/SimplifyCFG.h>

#include <mutex>

#include "backend/cpu/isa.h"
#include "support/codes.h"
#include "support/ending.h"

namespace rlx::backend::cpu {

namespace {

constexpr const char* kTriple = "x86_64-unknown-linux-gnu";

// What LLVM gives up on is a bug of ours, unless it had no memory.
void end_of_llvm(void*, const char* reason, bool) {
  end_with({.code = kInternalError,
            .message = reason,
            .node = at_hand(),
            .hint = "a bug of rlx: please report this line with the command and the model"});
}
void memory_of_llvm(void*, const char*, bool) { end_without_memory(0); }

void initialise_llvm() {
  static std::once_flag once;
  std::call_once(once, [] {
    LLVMInitializeX86TargetInfo();
    LLVMInitializeX86Target();
    LLVMInitializeX86TargetMC();
    LLVMInitializeX86AsmPrinter();
    llvm::install_fatal_error_handler(end_of_llvm);
    llvm::install_bad_alloc_error_handler(memory_of_llvm);
  });
}

std::string feature_list(const CpuTarget& target) {
  std::string list;
  for (const std::string& name : code_features(target)) list += (list.empty() ? "+" : ",+") + name;
  return list;
}

// ---- Passes -----------------------------------------------------------------------------------

// The analyses that our few passes ask for, so that no others are linked in.
class Analyses {
 public:
  explicit Analyses(llvm::TargetMachine& machine) {
    function.registerPass([] { return llvm::PassInstrumentationAnalysis(); });
    function.registerPass([] { return llvm::AssumptionAnalysis(); });
    function.registerPass([] { return llvm::BasicAA(); });
    function.registerPass([] { return llvm::ScopedNoAliasAA(); });
    function.registerPass([] { return alias_analysis(); });
    function.registerPass([] { return llvm::DominatorTreeAnalysis(); });
    function.registerPass([] { return llvm::LastRunTrackingAnalysis(); });
    function.registerPass([] { return llvm::LoopAnalysis(); });
    function.registerPass([] { return llvm::MemorySSAAnalysis(); });
    function.registerPass([] { return llvm::OptimizationRemarkEmitterAnalysis(); });
    function.registerPass([] { return llvm::ScalarEvolutionAnalysis(); });
    function.registerPass([] { return llvm::TargetLibraryAnalysis(); });
    function.registerPass([&] { return machine.getTargetIRAnalysis(); });
    function.registerPass([&] { return llvm::LoopAnalysisManagerFunctionProxy(loop); });
    function.registerPass([&] { return llvm::ModuleAnalysisManagerFunctionProxy(module); });
    loop.registerPass([] { return llvm::PassInstrumentationAnalysis(); });
    loop.registerPass([&] { return llvm::FunctionAnalysisManagerLoopProxy(function); });
    module.registerPass([] { return llvm::PassInstrumentationAnalysis(); });
    module.registerPass([] { return llvm::ProfileSummaryAnalysis(); });
    module.registerPass([&] { return llvm::FunctionAnalysisManagerModuleProxy(function); });
  }

  llvm::LoopAnalysisManager loop;
  llvm::FunctionAnalysisManager function;
  llvm::ModuleAnalysisManager module;

 private:
  static llvm::AAManager alias_analysis() {
    llvm::AAManager manager;
    manager.registerFunctionAnalysis<llvm::BasicAA>();
    manager.registerFunctionAnalysis<llvm::ScopedNoAliasAA>();
    return manager;
  }
};

llvm::FunctionPassManager make_passes() {
  llvm::FunctionPassManager passes;
  passes.addPass(llvm::SROAPass(llvm::SROAOptions::ModifyCFG));
  passes.addPass(llvm::EarlyCSEPass(true));
  passes.addPass(llvm::InstCombinePass());
  passes.addPass(llvm::createFunctionToLoopPassAdaptor(llvm::LICMPass(llvm::LICMOptions()), true));
  passes.addPass(llvm::EarlyCSEPass(true));
  passes.addPass(llvm::SimplifyCFGPass());
  passes.addPass(llvm::InstCombinePass());
  return passes;
}

void verify(llvm::Module& module) {
  std::string message;
  llvm::raw_string_ostream out(message);
  RLX_CHECK(!llvm::verifyModule(module, &out), message);
}

// ---- Flattening -------------------------------------------------------------------------------

using Elf = llvm::object::ELF64LEObjectFile;

template <class T>
T valid(llvm::Expected<T> e) {
  if (!e) RLX_CHECK(false, llvm::toString(e.takeError()));
  return std::move(*e);
}

// Lays the object's code and constants out and resolves what they say of each other.
class Flattener {
 public:
  explicit Flattener(const Elf& object) : object_(object) {}

  FlatCode run() {
    // Code first: the blob's constants follow it.
    for (const bool code : {true, false}) {
      for (const llvm::object::ELFSectionRef s : object_.sections()) {
        if (is_loaded(s) && s.isText() == code) place(s);
      }
    }
    for (const llvm::object::ELFSectionRef s : object_.sections()) relocate(s);
    out_.entry = entry();
    return std::move(out_);
  }

 private:
  static bool is_loaded(const llvm::object::ELFSectionRef& s) {
    return (s.getFlags() & llvm::ELF::SHF_ALLOC) && s.getSize() > 0;
  }

  void place(const llvm::object::ELFSectionRef& s) {
    const std::string name = valid(s.getName()).str();
    const bool known = s.isText() || name.starts_with(".rodata");
    RLX_CHECK(known && s.getType() == llvm::ELF::SHT_PROGBITS, "code has a section " + name);
    const uint64_t alignment = s.getAlignment().value();
    while (out_.bytes.size() % alignment != 0) out_.bytes.push_back('\0');
    offsets_[s.getIndex()] = out_.bytes.size();
    out_.bytes += valid(s.getContents()).str();
  }

  // `s` holds the relocations of another section.
  void relocate(const llvm::object::ELFSectionRef& s) {
    auto target = valid(s.getRelocatedSection());
    if (target == object_.section_end()) return;
    auto at = offsets_.find(target->getIndex());
    if (at == offsets_.end()) return;
    for (const llvm::object::ELFRelocationRef r : s.relocations()) apply(r, at->second);
  }

  void apply(const llvm::object::ELFRelocationRef& r, uint64_t section) {
    auto symbol = r.getSymbol();
    const std::string name = valid(symbol->getName()).str();
    const bool relative =
        r.getType() == llvm::ELF::R_X86_64_PC32 || r.getType() == llvm::ELF::R_X86_64_PLT32;
    auto defined = valid(symbol->getSection());
    RLX_CHECK(defined != object_.section_end(), "code calls " + name);
    auto base = offsets_.find(defined->getIndex());
    RLX_CHECK(relative && base != offsets_.end(),
              "code refers to " + name + " in a way that needs a loader");
    auto place = static_cast<int64_t>(section + r.getOffset());
    auto address = static_cast<int64_t>(base->second + valid(symbol->getValue()));
    auto value = static_cast<int32_t>(address + valid(r.getAddend()) - place);
    std::memcpy(&out_.bytes[static_cast<size_t>(place)], &value, sizeof value);
  }

  uint64_t entry() const {
    for (const llvm::object::ELFSymbolRef s : object_.symbols()) {
      if (s.getELFType() != llvm::ELF::STT_FUNC) continue;
      return offsets_.at(valid(s.getSection())->getIndex()) + valid(s.getValue());
    }
    RLX_CHECK(false, "code without a function");
    return 0;
  }

  const Elf& object_;
  std::map<uint64_t, uint64_t> offsets_;
  FlatCode out_;
};

}  // namespace

Codegen::Codegen(const CpuTarget& target) {
  initialise_llvm();
  std::string error;
  const llvm::Triple triple(kTriple);
  const llvm::Target* llvm_target = llvm::TargetRegistry::lookupTarget(triple, error);
  RLX_CHECK(llvm_target, error);
  llvm::TargetOptions options;
  options.AllowFPOpFusion = llvm::FPOpFusion::Strict;
  options.MCOptions.AsmVerbose = true;
  machine_.reset(llvm_target->createTargetMachine(triple, target.cpu, feature_list(target), options,
                                                  llvm::Reloc::PIC_, llvm::CodeModel::Small,
                                                  llvm::CodeGenOptLevel::Aggressive));
}

Codegen::~Codegen() = default;

void Codegen::optimise(llvm::Module& module) {
  module.setTargetTriple(machine_->getTargetTriple());
  module.setDataLayout(machine_->createDataLayout());
  verify(module);
  Analyses analyses(*machine_);
  llvm::FunctionPassManager passes = make_passes();
  for (llvm::Function& f : module) {
    if (!f.isDeclaration()) passes.run(f, analyses.function);
  }
}

std::string Codegen::generate(llvm::Module& module, bool assembly) {
  llvm::SmallVector<char, 0> bytes;
  llvm::raw_svector_ostream out(bytes);
  llvm::legacy::PassManager passes;
  auto type = assembly ? llvm::CodeGenFileType::AssemblyFile : llvm::CodeGenFileType::ObjectFile;
  const bool failed = machine_->addPassesToEmitFile(passes, out, nullptr, type);
  RLX_CHECK(!failed, "the target writes no files");
  passes.run(module);
  return {bytes.begin(), bytes.end()};
}

FlatCode Codegen::flat_code(llvm::Module& module) {
  const std::string object = generate(module, false);
  auto buffer = llvm::MemoryBufferRef(object, "object");
  auto elf = valid(Elf::create(buffer));
  return Flattener(elf).run();
}

std::string Codegen::assembly(llvm::Module& module) { return generate(module, true); }

}  // namespace rlx::backend::cpu
