#include "backend/cuda/toolkit.h"

#include "support/codes.h"
#include "support/files.h"
#include "support/log.h"
#include "support/process.h"

namespace rlx::backend::cuda {
namespace {

constexpr const char* kPtxas = "ptxas";
constexpr const char* kNvdisasm = "nvdisasm";

std::string& asked_for() {
  static std::string path;
  return path;
}

Error failed(const std::string& program, const std::string& why) {
  return Error(kNoProgram, program + ": " + why.substr(0, why.find_last_not_of('\n') + 1),
               "without --ptxas, where none is on the PATH, the GPU's driver makes the code");
}

Result<std::string> assemble_with(const std::string& ptxas, const std::string& ptx,
                                  const CudaTarget& target) {
  RLX_TRY(const TemporaryFile in, TemporaryFile::make(ptx));
  RLX_TRY(const TemporaryFile out, TemporaryFile::make(""));
  RLX_TRY(const Ended ended,
          run_program({ptxas, "-arch=" + target.arch, in.path(), "-o", out.path()}));
  if (ended.status != 0) return failed(ptxas, ended.output);
  return read_file(out.path());
}

}  // namespace

void use_ptxas(std::string path) { asked_for() = std::move(path); }

Result<std::string> assemble(const std::string& ptx, const CudaTarget& target) {
  const bool is_asked_for = !asked_for().empty();
  const std::string ptxas = find_program(is_asked_for ? asked_for() : kPtxas);
  if (ptxas.empty() && is_asked_for) return failed(asked_for(), "it is not there");
  if (ptxas.empty()) return std::string();
  Result<std::string> cubin = assemble_with(ptxas, ptx, target);
  if (cubin || is_asked_for) return cubin;
  log::warning(cubin.error().first().message + "; the GPU's driver will make the code");
  return std::string();
}

Result<std::string> disassemble(const std::string& ptx, const CudaTarget& target) {
  RLX_TRY(const std::string cubin, assemble(ptx, target));
  if (cubin.empty()) return failed(kPtxas, "it is not on the PATH; --ptxas says where it is");
  const std::string nvdisasm = find_program(kNvdisasm);
  if (nvdisasm.empty()) return failed(kNvdisasm, "it is not on the PATH");
  RLX_TRY(const TemporaryFile file, TemporaryFile::make(cubin));
  RLX_TRY(Ended ended, run_program({nvdisasm, file.path()}));
  if (ended.status != 0) return failed(nvdisasm, ended.output);
  return std::move(ended.output);
}

}  // namespace rlx::backend::cuda
