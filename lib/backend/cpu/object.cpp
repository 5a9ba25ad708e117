#include "backend/cpu/object.h"

#include <llvm/MC/TargetRegistry.h>
#include <llvm/Object/ELFObjectFile.h>
#include <llvm/Support/TargetSelect.h>
#include <llvm/Target/TargetMachine.h>

#include <mutex>

#include "backend/cpu/isa.h"
#include "backend/llvm/passes.h"

namespace rlx::backend::cpu {

namespace {

constexpr const char* kTriple = "x86_64-unknown-linux-gnu";

void initialise_llvm() {
  static std::once_flag once;
  std::call_once(once, [] {
    LLVMInitializeX86TargetInfo();
    LLVMInitializeX86Target();
    LLVMInitializeX86TargetMC();
    LLVMInitializeX86AsmPrinter();
    handle_llvm_errors();
  });
}

std::string feature_list(const CpuTarget& target) {
  std::string list;
  for (const std::string& name : code_features(target)) list += (list.empty() ? "+" : ",+") + name;
  return list;
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

void Codegen::optimise(llvm::Module& module) { backend::optimise(module, *machine_); }

FlatCode Codegen::flat_code(llvm::Module& module) {
  const std::string object = generate(module, *machine_, llvm::CodeGenFileType::ObjectFile);
  auto buffer = llvm::MemoryBufferRef(object, "object");
  auto elf = valid(Elf::create(buffer));
  return Flattener(elf).run();
}

std::string Codegen::assembly(llvm::Module& module) {
  return generate(module, *machine_, llvm::CodeGenFileType::AssemblyFile);
}

}  // namespace rlx::backend::cpu
