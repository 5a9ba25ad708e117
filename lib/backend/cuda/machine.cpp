#include "backend/cuda/machine.h"

#include <llvm/IR/IntrinsicsNVPTX.h>

namespace rlx::backend::cuda {

namespace {

using llvm::Value;
namespace intrinsic = llvm::Intrinsic;

// Of buffers, wherever they lie in an arena.
constexpr uint64_t kBufferAlignment = 64;
constexpr unsigned kSharedSpace = 3;
// Of a warp.
constexpr uint32_t kAllLanes = 0xffffffff;

Value* special_register(Function& f, intrinsic::ID id) {
  return f.at_entry([&] {
    return f.b.CreateZExt(
        f.b.CreateIntrinsic(id, llvm::ArrayRef<llvm::Type*>(), llvm::ArrayRef<Value*>()),
        f.b.getInt64Ty());
  });
}

// Of 32 bits.
Value* word_from_lane(Function& f, Value* word, int distance) {
  constexpr uint32_t kLast = 31;
  return f.b.CreateIntrinsic(intrinsic::nvvm_shfl_sync_down_i32, {},
                             {f.b.getInt32(kAllLanes), word,
                              f.b.getInt32(static_cast<uint32_t>(distance)), f.b.getInt32(kLast)});
}

}  // namespace

// ---- How a function is called -------------------------------------------------------------------

llvm::Function* Nvptx::declare(llvm::Module& module, const std::string& name) const {
  llvm::LLVMContext& context = module.getContext();
  llvm::Type* ptr = llvm::PointerType::getUnqual(context);
  Vec<llvm::Type*> types(kernel_.args.size(), ptr);
  types.insert(types.end(), symbols_.size(), llvm::Type::getInt64Ty(context));
  types.insert(types.end(), 2, ptr);
  auto* type = llvm::FunctionType::get(llvm::Type::getVoidTy(context), types, false);
  auto* fn = llvm::Function::Create(type, llvm::GlobalValue::ExternalLinkage, name, module);
  fn->setCallingConv(llvm::CallingConv::PTX_Kernel);
  for (unsigned i = 0; i < arguments(); ++i) fn->getArg(i)->setName(kernel_.args[i].name);
  for (unsigned i = arguments(); i < trap_argument(); ++i) {
    fn->getArg(i)->setName(symbols_[i - arguments()]);
  }
  fn->getArg(trap_argument())->setName("trap");
  fn->getArg(trap_argument() + 1)->setName("scratch");
  return fn;
}

void Nvptx::set_attributes(llvm::Function& fn, const std::set<std::string>&) const {
  fn.addFnAttr(llvm::Attribute::NoUnwind);
  fn.addFnAttr("nvvm.reqntid", std::to_string(threads_));
  for (unsigned i = 0; i < arguments(); ++i) {
    fn.addParamAttr(
        i, llvm::Attribute::getWithAlignment(fn.getContext(), llvm::Align(kBufferAlignment)));
  }
}

Machine::Frame Nvptx::frame(llvm::Function& fn) const {
  return {.scratch = fn.getArg(trap_argument())};
}

Value* Nvptx::buffer(Function& f, uint32_t arg) const { return f.argument(arg); }

Value* Nvptx::symbol(Function& f, uint32_t index, llvm::StringRef) const {
  return f.argument(arguments() + index);
}

Value* Nvptx::scratch(Function& f) const { return f.argument(trap_argument() + 1); }

void Nvptx::report(Function& f, int site, Value* index, Value* extent) const {
  constexpr auto kOrder = llvm::AtomicOrdering::Monotonic;
  Value* swap =
      f.b.CreateAtomicCmpXchg(f.scratch, f.i64(0), f.i64(site + 1), llvm::Align(8), kOrder, kOrder);
  emit_if(f, f.b.CreateExtractValue(swap, 1), [&] {
    Value* fields[] = {index, extent};
    for (unsigned i = 0; i < 2; ++i) {
      Value* to = f.b.CreateConstInBoundsGEP1_64(f.b.getInt64Ty(), f.scratch, i + 1);
      f.tag(f.b.CreateAlignedStore(fields[i], to, llvm::Align(8)), Function::kScratch);
    }
  });
}

// ---- Threads ------------------------------------------------------------------------------------

Value* Nvptx::block(Function& f) const {
  return special_register(f, intrinsic::nvvm_read_ptx_sreg_ctaid_x);
}

Value* Nvptx::thread(Function& f) const {
  return special_register(f, intrinsic::nvvm_read_ptx_sreg_tid_x);
}

Value* Nvptx::lane(Function& f) const {
  return f.b.CreateAnd(thread(f), f.i64(kReductionLanes - 1));
}

Value* Nvptx::from_lane(Function& f, Value* v, int distance) const {
  llvm::Type* type = v->getType();
  llvm::Type* word = f.b.getInt32Ty();
  const unsigned bits = type->getScalarSizeInBits();
  Value* whole = f.b.CreateBitCast(v, f.b.getIntNTy(bits));
  if (bits <= 32) {
    Value* moved = word_from_lane(f, f.b.CreateZExt(whole, word), distance);
    return f.b.CreateBitCast(f.b.CreateTrunc(moved, f.b.getIntNTy(bits)), type);
  }
  Value* low = word_from_lane(f, f.b.CreateTrunc(whole, word), distance);
  Value* high = word_from_lane(f, f.b.CreateTrunc(f.b.CreateLShr(whole, 32), word), distance);
  llvm::Type* wide = f.b.getInt64Ty();
  Value* joined = f.b.CreateShl(f.b.CreateZExt(high, wide), 32);
  joined = f.b.CreateOr(joined, f.b.CreateZExt(low, wide));
  return f.b.CreateBitCast(joined, type);
}

Value* Nvptx::shared_memory(Function& f, int64_t bytes) const {
  llvm::Function& fn = *f.b.GetInsertBlock()->getParent();
  auto* type = llvm::ArrayType::get(f.b.getInt8Ty(), static_cast<uint64_t>(bytes));
  auto* memory =
      new llvm::GlobalVariable(*fn.getParent(), type, false, llvm::GlobalValue::InternalLinkage,
                               llvm::PoisonValue::get(type), fn.getName() + "_shared", nullptr,
                               llvm::GlobalValue::NotThreadLocal, kSharedSpace);
  memory->setAlignment(llvm::Align(16));
  return f.b.CreateAddrSpaceCast(memory, f.ptr());
}

Value* Nvptx::asked_shared_memory(Function& f) const {
  llvm::Function& fn = *f.b.GetInsertBlock()->getParent();
  auto* type = llvm::ArrayType::get(f.b.getInt8Ty(), 0);
  auto* memory = new llvm::GlobalVariable(
      *fn.getParent(), type, false, llvm::GlobalValue::ExternalLinkage, nullptr,
      fn.getName() + "_asked", nullptr, llvm::GlobalValue::NotThreadLocal, kSharedSpace);
  memory->setAlignment(llvm::Align(128));
  return memory;
}

void Nvptx::barrier(Function& f) const {
  f.b.CreateIntrinsic(intrinsic::nvvm_barrier_cta_sync_aligned_all, {}, {f.b.getInt32(0)});
}

// ---- What passes must not see through -----------------------------------------------------------

// LLVM takes chains of a comparison and a select apart as if 0 and -0 were one number.
Value* Nvptx::extremum(Function& f, bool max, Value* b, Value* a) const {
  llvm::Type* type = a->getType();
  const std::string name =
      std::string(max ? "rlx.max" : "rlx.min") + (type->isFloatTy() ? ".f32" : ".f64");
  llvm::Module& module = *f.b.GetInsertBlock()->getModule();
  auto* fn_type = llvm::FunctionType::get(type, {type, type}, false);
  llvm::FunctionCallee callee = module.getOrInsertFunction(name, fn_type);
  auto* fn = llvm::cast<llvm::Function>(callee.getCallee());
  fn->setDoesNotAccessMemory();
  fn->setDoesNotThrow();
  fn->addFnAttr(llvm::Attribute::WillReturn);
  fn->addFnAttr(llvm::Attribute::Speculatable);
  return f.b.CreateCall(callee, {b, a});
}

namespace {

void lower_extremum(llvm::CallInst& call, bool max) {
  llvm::IRBuilder<> b(&call);
  Value *x = call.getArgOperand(0), *y = call.getArgOperand(1);
  Value* better = max ? b.CreateFCmpOGT(x, y) : b.CreateFCmpOLT(x, y);
  call.replaceAllUsesWith(b.CreateSelect(better, x, y));
  call.eraseFromParent();
}

}  // namespace

void lower_calls(llvm::Module& module) {
  for (const bool max : {true, false}) {
    for (const char* type : {".f32", ".f64"}) {
      llvm::Function* fn = module.getFunction(std::string(max ? "rlx.max" : "rlx.min") + type);
      if (!fn) continue;
      while (!fn->use_empty()) {
        lower_extremum(*llvm::cast<llvm::CallInst>(*fn->user_begin()), max);
      }
      fn->eraseFromParent();
    }
  }
}

}  // namespace rlx::backend::cuda
