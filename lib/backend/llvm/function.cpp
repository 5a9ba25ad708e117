#include "backend/llvm/function.h"

#include <llvm/IR/MDBuilder.h>

namespace rlx::backend {

namespace {

// A scalar i64 constant's value.
std::optional<int64_t> constant_of(llvm::Value* v) {
  auto* c = llvm::dyn_cast<llvm::ConstantInt>(v);
  return c ? std::optional(c->getSExtValue()) : std::nullopt;
}

llvm::BasicBlock* new_block(Function& f, const char* name) {
  return llvm::BasicBlock::Create(f.context(), name, f.b.GetInsertBlock()->getParent());
}

}  // namespace

llvm::Value* Machine::lane(Function&) const {
  RLX_CHECK(false, "a machine without warps");
  return nullptr;
}

llvm::Value* Machine::from_lane(Function&, llvm::Value*, int) const {
  RLX_CHECK(false, "a machine without warps");
  return nullptr;
}

Function::Function(llvm::Module& module, const std::string& name, const Kernel& k,
                   const Vec<std::string>& symbols, const Machine& m)
    : kernel(k),
      machine(m),
      b(module.getContext()),
      fn_(m.declare(module, name)),
      buffers_(k.args.size()),
      locals_(k.locals.size()) {
  const Machine::Frame frame = machine.frame(*fn_);
  first = frame.first;
  last = frame.last;
  scratch = frame.scratch;
  for (size_t i = 0; i < symbols.size(); ++i) symbol_index_[symbols[i]] = static_cast<uint32_t>(i);
  make_scopes();

  auto* entry = llvm::BasicBlock::Create(context(), "entry", fn_);
  auto* body = llvm::BasicBlock::Create(context(), "body", fn_);
  b.SetInsertPoint(entry);
  entry_end_ = b.CreateBr(body);
  b.SetInsertPoint(body);
}

void Function::finish() {
  b.CreateRetVoid();
  machine.set_attributes(*fn_, features_);
}

llvm::Value* Function::at_entry(llvm::function_ref<llvm::Value*()> emit) {
  const llvm::IRBuilderBase::InsertPointGuard guard(b);
  b.SetInsertPoint(entry_end_);
  return emit();
}

llvm::Value* Function::buffer(uint32_t arg) {
  if (!buffers_[arg]) buffers_[arg] = at_entry([&] { return machine.buffer(*this, arg); });
  return buffers_[arg];
}

llvm::Value* Function::symbol(std::string_view name) {
  if (auto it = symbols_.find(name); it != symbols_.end()) return it->second;
  auto index = symbol_index_.find(name);
  RLX_CHECK(index != symbol_index_.end(), "no symbol is called " + std::string(name));
  llvm::Value* value = at_entry([&] { return machine.symbol(*this, index->second, name); });
  symbols_.emplace(name, value);
  return value;
}

void Function::make_scopes() {
  llvm::MDBuilder md(context());
  llvm::MDNode* domain = md.createAnonymousAliasScopeDomain();
  const Vec<Arg>& args = kernel.args;
  Vec<llvm::Metadata*> all;
  for (size_t i = 0; i <= args.size(); ++i) {
    all.push_back(md.createAnonymousAliasScope(domain));
  }
  auto overlap = [&](size_t i, size_t j) {
    return i == j || (i < args.size() && j < args.size() && may_overlap(args[i], args[j]));
  };
  for (size_t i = 0; i < all.size(); ++i) {
    Vec<llvm::Metadata*> others;
    bool invariant = i < args.size();
    for (size_t j = 0; j < all.size(); ++j) {
      if (!overlap(i, j)) others.push_back(all[j]);
      if (j < args.size() && overlap(i, j)) invariant &= !args[j].written;
    }
    scopes_.push_back(llvm::MDNode::get(context(), {all[i]}));
    others_.push_back(llvm::MDNode::get(context(), others));
    invariant_.push_back(invariant);
  }
}

void Function::tag(llvm::Instruction* access, uint32_t arg) {
  const size_t i = arg == kScratch ? kernel.args.size() : arg;
  access->setMetadata(llvm::LLVMContext::MD_alias_scope, scopes_[i]);
  access->setMetadata(llvm::LLVMContext::MD_noalias, others_[i]);
  if (invariant_[i] && !access->mayWriteToMemory()) {
    access->setMetadata(llvm::LLVMContext::MD_invariant_load, llvm::MDNode::get(context(), {}));
  }
}

namespace {

// Tells LLVM to do so where the loop is short; passes.h.
void let_unroll(llvm::BranchInst* latch) {
  constexpr size_t kShort = 48, kMost = 100;
  llvm::BasicBlock* loop = latch->getParent();
  if (latch->getSuccessor(0) != loop || loop->size() > kMost) return;
  llvm::LLVMContext& context = latch->getContext();
  auto* steps =
      llvm::ConstantInt::get(llvm::Type::getInt32Ty(context), loop->size() > kShort ? 4 : 8);
  llvm::Metadata* count[] = {llvm::MDString::get(context, "llvm.loop.unroll.count"),
                             llvm::ConstantAsMetadata::get(steps)};
  llvm::Metadata* fields[] = {nullptr, llvm::MDNode::get(context, count)};
  llvm::MDNode* id = llvm::MDNode::getDistinct(context, fields);
  // A loop's first operand is itself.
  id->replaceOperandWith(0, id);
  latch->setMetadata(llvm::LLVMContext::MD_loop, id);
}

}  // namespace

// The loop is rotated: a test before it, another at its end, so that what does not change in it can leave.
Regs emit_for(Function& f, llvm::Value* lo, llvm::Value* hi, int64_t step, Regs carried,
              llvm::function_ref<Regs(llvm::Value* i, const Regs& carried)> body) {
  auto known_lo = constant_of(lo), known_hi = constant_of(hi);
  const bool known = known_lo && known_hi;
  if (known && *known_lo >= *known_hi) return carried;
  if (known && *known_lo + step >= *known_hi) return body(lo, carried);

  llvm::BasicBlock* before = f.b.GetInsertBlock();
  llvm::BasicBlock* loop = new_block(f, "loop");
  llvm::BasicBlock* after = new_block(f, "after");
  if (known) f.b.CreateBr(loop);
  if (!known) f.b.CreateCondBr(f.b.CreateICmpSLT(lo, hi), loop, after);

  f.b.SetInsertPoint(loop);
  auto* i = f.b.CreatePHI(f.b.getInt64Ty(), 2, "i");
  i->addIncoming(lo, before);
  Regs inside;
  for (llvm::Value* v : carried) {
    auto* phi = f.b.CreatePHI(v->getType(), 2);
    phi->addIncoming(v, before);
    inside.push_back(phi);
  }
  Regs next = body(i, inside);
  llvm::Value* next_i = f.b.CreateNSWAdd(i, f.i64(step));
  llvm::BasicBlock* latch = f.b.GetInsertBlock();
  llvm::BranchInst* back = f.b.CreateCondBr(f.b.CreateICmpSLT(next_i, hi), loop, after);
  if (f.machine.unrolls()) let_unroll(back);
  i->addIncoming(next_i, latch);

  f.b.SetInsertPoint(after);
  Regs result;
  for (size_t c = 0; c < carried.size(); ++c) {
    llvm::cast<llvm::PHINode>(inside[c])->addIncoming(next[c], latch);
    if (known) {
      result.push_back(next[c]);
      continue;
    }
    auto* phi = f.b.CreatePHI(carried[c]->getType(), 2);
    phi->addIncoming(carried[c], before);
    phi->addIncoming(next[c], latch);
    result.push_back(phi);
  }
  return result;
}

void emit_for(Function& f, llvm::Value* lo, llvm::Value* hi, int64_t step,
              llvm::function_ref<void(llvm::Value* i)> body) {
  emit_for(f, lo, hi, step, {}, [&](llvm::Value* i, const Regs&) {
    body(i);
    return Regs();
  });
}

Regs emit_repeat(Function& f, Regs carried, llvm::function_ref<llvm::Value*(Regs& carried)> body) {
  llvm::BasicBlock* before = f.b.GetInsertBlock();
  llvm::BasicBlock* loop = new_block(f, "repeat");
  llvm::BasicBlock* after = new_block(f, "after");
  f.b.CreateBr(loop);
  f.b.SetInsertPoint(loop);
  Vec<llvm::PHINode*> phis;
  for (llvm::Value*& v : carried) {
    phis.push_back(f.b.CreatePHI(v->getType(), 2));
    phis.back()->addIncoming(v, before);
    v = phis.back();
  }
  llvm::Value* more = body(carried);
  llvm::BasicBlock* latch = f.b.GetInsertBlock();
  f.b.CreateCondBr(more, loop, after);
  for (size_t i = 0; i < phis.size(); ++i) phis[i]->addIncoming(carried[i], latch);
  f.b.SetInsertPoint(after);
  return carried;
}

llvm::Value* any(Function& f, llvm::Value* lanes) {
  return lanes->getType()->isVectorTy() ? f.b.CreateOrReduce(lanes) : lanes;
}

Regs emit_if(Function& f, llvm::Value* condition, const Regs& otherwise,
             llvm::function_ref<Regs()> then) {
  llvm::BasicBlock* before = f.b.GetInsertBlock();
  llvm::BasicBlock* inside = new_block(f, "then");
  llvm::BasicBlock* after = new_block(f, "after");
  f.b.CreateCondBr(condition, inside, after);
  f.b.SetInsertPoint(inside);
  Regs values = then();
  llvm::BasicBlock* end = f.b.GetInsertBlock();
  f.b.CreateBr(after);
  f.b.SetInsertPoint(after);
  Regs result;
  for (size_t i = 0; i < values.size(); ++i) {
    auto* phi = f.b.CreatePHI(values[i]->getType(), 2);
    phi->addIncoming(values[i], end);
    phi->addIncoming(otherwise[i], before);
    result.push_back(phi);
  }
  return result;
}

void emit_if(Function& f, llvm::Value* condition, llvm::function_ref<void()> then) {
  emit_if(f, condition, {}, [&] {
    then();
    return Regs();
  });
}

}  // namespace rlx::backend
