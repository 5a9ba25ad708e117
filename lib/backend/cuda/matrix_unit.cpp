#include "backend/cuda/matrix_unit.h"

#include <llvm/IR/IntrinsicsNVPTX.h>

namespace rlx::backend::cuda {

namespace {

using llvm::Value;
namespace intrinsic = llvm::Intrinsic;

constexpr unsigned kGlobalSpace = 1;

Regs fields_of(Function& f, Value* record, unsigned count) {
  Regs fields;
  for (unsigned i = 0; i < count; ++i) fields.push_back(f.b.CreateExtractValue(record, i));
  return fields;
}

}  // namespace

void copy_async(Function& f, Value* to, Value* from, Value* is_there) {
  Value* bytes = f.b.CreateSelect(is_there, f.b.getInt32(16), f.b.getInt32(0));
  Value* global = f.b.CreateAddrSpaceCast(from, llvm::PointerType::get(f.context(), kGlobalSpace));
  f.b.CreateIntrinsic(intrinsic::nvvm_cp_async_cg_shared_global_16_s, {}, {to, global, bytes});
}

void commit_copies(Function& f) {
  f.b.CreateIntrinsic(intrinsic::nvvm_cp_async_commit_group, llvm::ArrayRef<llvm::Type*>(),
                      llvm::ArrayRef<Value*>());
}

void wait_for_copies(Function& f, int64_t pending) {
  f.b.CreateIntrinsic(intrinsic::nvvm_cp_async_wait_group, {},
                      {f.b.getInt32(static_cast<uint32_t>(pending))});
}

Regs load_matrices(Function& f, Value* row, bool transposed) {
  const auto id = transposed ? intrinsic::nvvm_ldmatrix_sync_aligned_m8n8_x4_trans_b16
                             : intrinsic::nvvm_ldmatrix_sync_aligned_m8n8_x4_b16;
  return fields_of(f, f.b.CreateIntrinsic(id, {row->getType()}, {row}), 4);
}

Regs multiply(Function& f, DType type, const Regs& left, const Regs& right, const Regs& sums) {
  const bool is_half = type == DType::kF16;
  llvm::Type* pair = llvm::FixedVectorType::get(f.b.getHalfTy(), 2);
  Vec<Value*> arguments;
  for (const Regs* factors : {&left, &right}) {
    for (Value* v : *factors) arguments.push_back(is_half ? f.b.CreateBitCast(v, pair) : v);
  }
  arguments.insert(arguments.end(), sums.begin(), sums.end());
  const auto id = is_half ? intrinsic::nvvm_mma_m16n8k16_row_col_f32_f32
                          : intrinsic::nvvm_mma_m16n8k16_row_col_bf16;
  return fields_of(f, f.b.CreateIntrinsic(id, {}, arguments), 4);
}

}  // namespace rlx::backend::cuda
