#include "test/backend/shim.h"

#include <ucontext.h>

#include <llvm/IR/Constants.h>
#include <llvm/IR/IRBuilder.h>
#include <llvm/IR/InstIterator.h>
#include <llvm/IR/IntrinsicInst.h>
#include <llvm/IR/IntrinsicsNVPTX.h>
#include <llvm/IR/ReplaceConstant.h>
#include <catch2/catch.hpp>

#include <algorithm>
#include <cstring>
#include <deque>
#include <memory>

#include "backend/cpu/object.h"
#include "backend/cuda/module.h"
#include "test/backend/warp.h"

namespace rlx::test {

namespace {

namespace cuda = backend::cuda;

constexpr int64_t kWarp = 32;

// ---- What a thread sees -----------------------------------------------------------------------

// The rewritten code reads it by the places of its members.
struct Context {
  int32_t thread = 0, block = 0;
  void* shared = nullptr;
  void (*barrier)(Context*) = nullptr;
  int32_t (*from_lane)(Context*, int32_t value, int32_t distance) = nullptr;
  // 16 bytes, or as many zeros.
  void (*copy)(Context*, void* to, const void* from, int32_t bytes) = nullptr;
  void (*commit)(Context*) = nullptr;
  void (*wait)(Context*, int32_t pending) = nullptr;
  // Meeting::What, what it brings and gets.
  void (*meet)(Context*, int32_t what, const void* row, uint32_t* words) = nullptr;
};

// The number of a member of 8 bytes, or of 4.
enum Member : unsigned {
  kThread = 0,
  kBlock = 1,
  kShared = 1,
  kBarrier = 2,
  kFromLane = 3,
  kCopy = 4,
  kCommit = 5,
  kWait = 6,
  kMeet = 7
};

static_assert(offsetof(Context, block) == 4 * kBlock);
static_assert(offsetof(Context, shared) == 8 * kShared);
static_assert(offsetof(Context, barrier) == 8 * kBarrier);
static_assert(offsetof(Context, from_lane) == 8 * kFromLane);
static_assert(offsetof(Context, copy) == 8 * kCopy);
static_assert(offsetof(Context, commit) == 8 * kCommit);
static_assert(offsetof(Context, wait) == 8 * kWait);
static_assert(offsetof(Context, meet) == 8 * kMeet);

// ---- The rewritten function -------------------------------------------------------------------

// One kernel becomes run(params, context): params are 8 bytes each.
class Rewriter {
 public:
  explicit Rewriter(llvm::Module& module) : module_(module), b_(module.getContext()) {}

  // Whether threads meet.
  bool run() {
    llvm::Function* kernel = nullptr;
    for (llvm::Function& f : module_) {
      if (!f.isDeclaration()) kernel = &f;
    }
    REQUIRE(kernel);
    move_body(*kernel);
    replace_shared_memory();
    Vec<llvm::CallInst*> calls;
    for (llvm::Instruction& i : llvm::instructions(*fn_)) {
      if (auto* call = llvm::dyn_cast<llvm::CallInst>(&i)) calls.push_back(call);
    }
    for (llvm::CallInst* call : calls) replace(*call);
    module_.setTargetTriple(llvm::Triple("x86_64-unknown-linux-gnu"));
    module_.setDataLayout(
        "e-m:e-p270:32:32-p271:32:32-p272:64:64-i64:64-i128:128-f80:128-n8:16:32:64-S128");
    return meets_;
  }

 private:
  void move_body(llvm::Function& kernel) {
    llvm::Type* ptr = b_.getPtrTy();
    auto* type = llvm::FunctionType::get(b_.getVoidTy(), {ptr, ptr}, false);
    fn_ = llvm::Function::Create(type, llvm::GlobalValue::ExternalLinkage, "run", module_);
    fn_->addFnAttr(llvm::Attribute::NoUnwind);
    fn_->splice(fn_->begin(), &kernel);
    b_.SetInsertPoint(fn_->getEntryBlock().getFirstInsertionPt());
    for (llvm::Argument& a : kernel.args()) {
      llvm::Value* slot = b_.CreateConstGEP1_64(b_.getInt64Ty(), fn_->getArg(0), a.getArgNo());
      a.replaceAllUsesWith(b_.CreateLoad(a.getType(), slot));
    }
    kernel.eraseFromParent();
  }

  llvm::Value* member(llvm::Type* type, unsigned number) {
    return b_.CreateLoad(type, b_.CreateConstGEP1_64(type, fn_->getArg(1), number));
  }

  void replace_shared_memory() {
    Vec<llvm::GlobalVariable*> memories;
    for (llvm::GlobalVariable& g : module_.globals()) {
      if (g.getAddressSpace() != 0) memories.push_back(&g);
    }
    // A kernel has one at most.
    REQUIRE(memories.size() <= 1);
    for (llvm::GlobalVariable* g : memories) {
      llvm::convertUsersOfConstantsToInstructions({g});
      llvm::Value* shared = member(b_.getPtrTy(), kShared);
      g->replaceAllUsesWith(b_.CreateAddrSpaceCast(shared, g->getType()));
      g->eraseFromParent();
    }
  }

  void replace(llvm::CallInst& call) {
    b_.SetInsertPoint(&call);
    llvm::Value* with = nullptr;
    llvm::Type *word = b_.getInt32Ty(), *ptr = b_.getPtrTy();
    switch (call.getIntrinsicID()) {
      case llvm::Intrinsic::nvvm_read_ptx_sreg_tid_x: with = member(word, kThread); break;
      case llvm::Intrinsic::nvvm_read_ptx_sreg_ctaid_x: with = member(word, kBlock); break;
      case llvm::Intrinsic::nvvm_barrier_cta_sync_aligned_all: {
        auto* type = llvm::FunctionType::get(b_.getVoidTy(), {ptr}, false);
        b_.CreateCall(type, member(ptr, kBarrier), {fn_->getArg(1)});
        meets_ = true;
        break;
      }
      case llvm::Intrinsic::nvvm_shfl_sync_down_i32: {
        auto* type = llvm::FunctionType::get(word, {ptr, word, word}, false);
        with = b_.CreateCall(type, member(ptr, kFromLane),
                             {fn_->getArg(1), call.getArgOperand(1), call.getArgOperand(2)});
        meets_ = true;
        break;
      }
      case llvm::Intrinsic::nvvm_cp_async_cg_shared_global_16_s:
        call_member(kCopy, {generic(call.getArgOperand(0)), generic(call.getArgOperand(1)),
                            call.getArgOperand(2)});
        break;
      case llvm::Intrinsic::nvvm_cp_async_commit_group: call_member(kCommit, {}); break;
      case llvm::Intrinsic::nvvm_cp_async_wait_group:
        call_member(kWait, {call.getArgOperand(0)});
        break;
      case llvm::Intrinsic::nvvm_ldmatrix_sync_aligned_m8n8_x4_b16:
        with = meet(call, Meeting::What::kLoad, call.getArgOperand(0));
        break;
      case llvm::Intrinsic::nvvm_ldmatrix_sync_aligned_m8n8_x4_trans_b16:
        with = meet(call, Meeting::What::kLoadTransposed, call.getArgOperand(0));
        break;
      case llvm::Intrinsic::nvvm_mma_m16n8k16_row_col_bf16:
        with = meet(call, Meeting::What::kMultiplyBF16, nullptr);
        break;
      case llvm::Intrinsic::nvvm_mma_m16n8k16_row_col_f32_f32:
        with = meet(call, Meeting::What::kMultiplyF16, nullptr);
        break;
      default:
        // What is left has a meaning on every target.
        REQUIRE(call.getCalledFunction()->isIntrinsic());
        REQUIRE_FALSE(call.getCalledFunction()->getName().contains("nvvm"));
        return;
    }
    if (with) call.replaceAllUsesWith(with);
    call.eraseFromParent();
  }

  llvm::Value* generic(llvm::Value* address) {
    return b_.CreateAddrSpaceCast(address, b_.getPtrTy());
  }

  // Of the context, which is its first argument.
  void call_member(Member number, Vec<llvm::Value*> arguments) {
    arguments.insert(arguments.begin(), fn_->getArg(1));
    Vec<llvm::Type*> types;
    for (llvm::Value* v : arguments) types.push_back(v->getType());
    auto* type = llvm::FunctionType::get(b_.getVoidTy(), types, false);
    b_.CreateCall(type, member(b_.getPtrTy(), number), arguments);
    meets_ = true;
  }

  // Gives the four words of the call's result.
  llvm::Value* meet(llvm::CallInst& call, Meeting::What what, llvm::Value* row) {
    llvm::Value* words = words_of_meeting();
    for (unsigned i = 0; !row && i < call.arg_size(); ++i) {
      llvm::Value* word = b_.CreateBitCast(call.getArgOperand(i), b_.getInt32Ty());
      b_.CreateStore(word, b_.CreateConstGEP1_32(b_.getInt32Ty(), words, i));
    }
    llvm::Value* address = row ? generic(row) : llvm::ConstantPointerNull::get(b_.getPtrTy());
    call_member(kMeet, {b_.getInt32(static_cast<uint32_t>(what)), address, words});
    return b_.CreateLoad(call.getType(), words);
  }

  llvm::Value* words_of_meeting() {
    if (words_) return words_;
    const llvm::IRBuilder<>::InsertPointGuard here(b_);
    b_.SetInsertPoint(fn_->getEntryBlock().getFirstInsertionPt());
    constexpr uint64_t kWords = std::tuple_size_v<decltype(Meeting::words)>;
    return words_ = b_.CreateAlloca(llvm::ArrayType::get(b_.getInt32Ty(), kWords));
  }

  llvm::Module& module_;
  llvm::IRBuilder<> b_;
  llvm::Function* fn_ = nullptr;
  llvm::Value* words_ = nullptr;
  bool meets_ = false;
};

using RunThread = void (*)(const uint64_t* params, Context* context);

// ---- Threads that meet ------------------------------------------------------------------------

class Block;

struct Copy {
  void* to = nullptr;
  const void* from = nullptr;
  int32_t bytes = 0;
};

// A fiber; Context comes first, so that the code's is the thread's.
struct Thread {
  enum class State : uint8_t { kReady, kAtBarrier, kMeetingWarp, kEnded };

  Context context;
  Block* block = nullptr;
  State state = State::kReady;
  Meeting meeting;
  // Copies that were started, by group; nothing of them is there before it is waited for.
  std::deque<Vec<Copy>> copies = {};
  Vec<Copy> open = {};
  ucontext_t at = {};
  static constexpr size_t kStackBytes = 64 << 10;
  std::unique_ptr<std::byte[]> stack = std::make_unique_for_overwrite<std::byte[]>(kStackBytes);
};

class Block {
 public:
  Block(RunThread code, const uint64_t* params, int64_t threads, bool reverse)
      : code_(code), params_(params), threads_(static_cast<size_t>(threads)) {
    for (size_t i = 0; i < threads_.size(); ++i) order_.push_back(i);
    if (reverse) std::ranges::reverse(order_);
  }

  void run(int64_t number, void* shared) {
    for (size_t i = 0; i < threads_.size(); ++i) {
      start(threads_[i], {static_cast<int32_t>(i), static_cast<int32_t>(number), shared, meet_block,
                          from_lane, start_copy, commit_copies, wait_for_copies, meet_warp});
    }
    while (!all_are(Thread::State::kEnded)) {
      for (const size_t i : order_) {
        if (threads_[i].state == Thread::State::kReady) swapcontext(&main_, &threads_[i].at);
      }
      if (!let_go()) FAIL("threads wait for others that do not come");
    }
  }

 private:
  void start(Thread& t, const Context& context) {
    t.context = context;
    t.block = this;
    t.state = Thread::State::kReady;
    getcontext(&t.at);
    t.at.uc_stack.ss_sp = t.stack.get();
    t.at.uc_stack.ss_size = Thread::kStackBytes;
    t.at.uc_link = &main_;
    // makecontext passes ints alone.
    const auto address = reinterpret_cast<uintptr_t>(&t);
    makecontext(&t.at, reinterpret_cast<void (*)()>(enter), 2, static_cast<unsigned>(address >> 32),
                static_cast<unsigned>(address));
  }

  static void enter(unsigned high, unsigned low) {
    auto* t = reinterpret_cast<Thread*>(static_cast<uintptr_t>(high) << 32 | low);
    t->block->code_(t->block->params_, &t->context);
    t->state = Thread::State::kEnded;
  }

  static void wait(Thread& t, Thread::State state) {
    t.state = state;
    swapcontext(&t.at, &t.block->main_);
  }

  static void meet_block(Context* c) {
    wait(*reinterpret_cast<Thread*>(c), Thread::State::kAtBarrier);
  }

  static void meet_warp(Context* c, Meeting what) {
    auto& t = *reinterpret_cast<Thread*>(c);
    t.meeting = what;
    wait(t, Thread::State::kMeetingWarp);
  }

  static int32_t from_lane(Context* c, int32_t value, int32_t distance) {
    meet_warp(c, {.distance = distance, .words = {static_cast<uint32_t>(value)}});
    return static_cast<int32_t>(reinterpret_cast<Thread*>(c)->meeting.words[0]);
  }

  static void meet_warp(Context* c, int32_t what, const void* row, uint32_t* words) {
    Meeting meeting{.what = static_cast<Meeting::What>(what), .row = row};
    std::memcpy(meeting.words.data(), words, sizeof meeting.words);
    meet_warp(c, meeting);
    std::memcpy(words, reinterpret_cast<Thread*>(c)->meeting.words.data(), 16);
  }

  static void start_copy(Context* c, void* to, const void* from, int32_t bytes) {
    reinterpret_cast<Thread*>(c)->open.push_back({to, from, bytes});
  }

  static void commit_copies(Context* c) {
    auto& t = *reinterpret_cast<Thread*>(c);
    t.copies.push_back(std::exchange(t.open, {}));
  }

  static void wait_for_copies(Context* c, int32_t pending) {
    auto& t = *reinterpret_cast<Thread*>(c);
    for (; t.copies.size() > static_cast<size_t>(pending); t.copies.pop_front()) {
      for (const Copy& copy : t.copies.front()) {
        std::memset(copy.to, 0, 16);
        std::memcpy(copy.to, copy.from, static_cast<size_t>(copy.bytes));
      }
    }
  }

  bool all_are(Thread::State state) const {
    return std::ranges::all_of(threads_, [&](const Thread& t) { return t.state == state; });
  }

  // Lets threads go on that have met, or have ended; whether there are any.
  bool let_go() {
    if (all_are(Thread::State::kEnded)) return true;
    bool any = false;
    if (all_are(Thread::State::kAtBarrier)) {
      for (Thread& t : threads_) t.state = Thread::State::kReady;
      any = true;
    }
    for (size_t warp = 0; warp + kWarp <= threads_.size(); warp += kWarp) any |= let_warp_go(warp);
    return any;
  }

  bool let_warp_go(size_t first) {
    std::array<Meeting*, kWarp> lanes = {};
    for (size_t i = 0; i < lanes.size(); ++i) {
      Thread& t = threads_[first + i];
      if (t.state != Thread::State::kMeetingWarp) return false;
      lanes[i] = &t.meeting;
      const bool same =
          t.meeting.what == lanes[0]->what && t.meeting.distance == lanes[0]->distance;
      if (!same) return false;
    }
    meet(lanes);
    for (size_t i = 0; i < lanes.size(); ++i) threads_[first + i].state = Thread::State::kReady;
    return true;
  }

  RunThread code_;
  const uint64_t* params_;
  Vec<Thread> threads_;
  Vec<size_t> order_;
  ucontext_t main_ = {};
};

// Threads that never meet need no fibers.
void run_apart(RunThread code, const uint64_t* params, int64_t block, int64_t threads,
               bool reverse) {
  for (int64_t i = 0; i < threads; ++i) {
    Context c{.thread = static_cast<int32_t>(reverse ? threads - 1 - i : i),
              .block = static_cast<int32_t>(block)};
    code(params, &c);
  }
}

}  // namespace

Shim::Shim(const Kernel& k, const Target& target, const Choice& choice)
    : symbols_(symbols_of(k)), memory_of_(memories_of(k)) {
  llvm::LLVMContext context;
  llvm::Module module("shim", context);
  launch_ = cuda::write_functions(module, {{k, choice}}, symbols_, target.cuda())[0];
  cuda::Codegen(target.cuda()).optimise(module);
  for (llvm::GlobalVariable& g : module.globals()) {
    if (g.getAddressSpace() == 0) continue;
    shared_bytes_ += static_cast<int64_t>(
        module.getDataLayout().getTypeAllocSize(g.getValueType()).getFixedValue());
  }
  shared_bytes_ += launch_.shared_bytes;
  meets_ = Rewriter(module).run();
  const Target v3 = *parse_target("cpu:x86-64-v3");
  const backend::cpu::FlatCode flat = backend::cpu::Codegen(v3.cpu()).flat_code(module);
  code_.emplace(flat.bytes.size());
  std::memcpy(code_->data(), flat.bytes.data(), flat.bytes.size());
  code_->make_executable();
  entry_ = flat.entry;
}

int64_t Shim::threads(const Symbols& symbols) const {
  return value_of(launch_.blocks, symbols) * launch_.threads;
}

image::Trap Shim::run(Vec<Memory>& buffers, const Symbols& symbols, bool reverse) {
  Vec<uint64_t> params;
  for (const size_t m : memory_of_) {
    params.push_back(reinterpret_cast<uint64_t>(buffers[m].data()));
  }
  for (const std::string& s : symbols_) params.push_back(static_cast<uint64_t>(symbols.at(s)));
  Memory trap(image::kTrapRoom), shared(static_cast<size_t>(shared_bytes_));
  Memory scratch(static_cast<size_t>(value_of(launch_.scratch_bytes, symbols)));
  std::memset(scratch.data(), 0xff, scratch.span().size());
  params.push_back(reinterpret_cast<uint64_t>(trap.data()));
  params.push_back(reinterpret_cast<uint64_t>(scratch.data()));
  const auto code = reinterpret_cast<RunThread>(code_->data() + entry_);
  Block block(code, params.data(), meets_ ? launch_.threads : 0, reverse);
  const int64_t blocks = value_of(launch_.blocks, symbols);
  for (int64_t i = 0; i < blocks; ++i) {
    const int64_t number = reverse ? blocks - 1 - i : i;
    std::memset(shared.data(), 0xff, shared.span().size());
    if (meets_) block.run(number, shared.data());
    if (!meets_) run_apart(code, params.data(), number, launch_.threads, reverse);
  }
  image::Trap found;
  std::memcpy(&found, trap.data(), sizeof found);
  return found;
}

std::map<std::string, int64_t>& shims_run() {
  static std::map<std::string, int64_t> counts;
  return counts;
}

namespace {

const Target& sm_80() {
  static const Target target = *parse_target("cuda:sm_80");
  return target;
}

// Tests run one kernel over several extents: the code of the last one is kept.
Shim& shim_of(const Kernel& k, const Target& target, const Choice& choice) {
  static Kernel last;
  static std::map<std::string, Shim> shims;
  if (k != last) shims.clear();
  last = k;
  std::string how = choice.algorithm;
  for (const int64_t number : choice.tile) how += " " + std::to_string(number);
  const auto found = shims.find(how);
  if (found != shims.end()) return found->second;
  return shims.try_emplace(how, k, target, choice).first->second;
}

}  // namespace

namespace {

void check_row(const Kernel& k, const Choice& choice, const Symbols& symbols, const Fill& fill,
               Vec<Memory>& want) {
  constexpr int64_t kMostFibers = 1 << 16;
  Shim& shim = shim_of(k, sm_80(), choice);
  if (shim.meets() && shim.threads(symbols) > kMostFibers) return;
  for (const bool reverse : {false, true}) {
    Vec<Memory> got = buffers_of(k, symbols, fill);
    const image::Trap trap = shim.run(got, symbols, reverse);
    CHECK(trap.site == 0);
    compare(k, got, want, "GPU, " + choice.algorithm + (reverse ? ", turned round" : ""));
  }
  ++shims_run()[choice.algorithm];
}

}  // namespace

void check_shim(const Kernel& k, const Symbols& symbols, const Fill& fill) {
  auto rows = cuda::menu(k, sm_80());
  if (!rows) FAIL(to_text(rows.error()));
  Vec<Memory> want = interpreted(k, symbols, fill);
  for (const Alternative& row : *rows) {
    if (!row.exact || !find_alternative(*rows, k, row.choice.algorithm)) continue;
    check_row(k, row.choice, symbols, fill, want);
  }
}

void check_shim(const Kernel& k, const Choice& choice, const Symbols& symbols, const Fill& fill) {
  auto rows = cuda::menu(k, sm_80());
  if (!rows) FAIL(to_text(rows.error()));
  REQUIRE(find_alternative(*rows, k, choice.algorithm));
  Vec<Memory> want = interpreted(k, symbols, fill);
  check_row(k, choice, symbols, fill, want);
}

}  // namespace rlx::test
