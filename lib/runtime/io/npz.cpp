#include "runtime/io/npz.h"

#include "runtime/io/codes.h"
#include "runtime/io/npy.h"
#include "runtime/io/zip.h"
#include "support/files.h"

namespace rlx {
namespace {

constexpr std::string_view kEnding = ".npy";

std::string tensor_name(std::string entry) {
  if (entry.ends_with(kEnding)) entry.resize(entry.size() - kEnding.size());
  return entry;
}

}  // namespace

Result<Vec<HostTensor>> parse_npz(Bytes file, const std::string& path) {
  RLX_TRY(Vec<ZipEntry> entries, list_zip(file, path));
  Vec<HostTensor> tensors;
  for (ZipEntry& entry : entries) {
    std::string space;
    RLX_TRY(const Bytes npy, unpack(entry, path, space));
    RLX_TRY(HostTensor t, parse_npy(npy, tensor_name(std::move(entry.name))));
    tensors.push_back(std::move(t));
  }
  return tensors;
}

Result<Vec<HostTensor>> read_npz(const std::string& path) {
  RLX_TRY(auto file, MappedFile::open(path));
  auto tensors = parse_npz(file->bytes(), path);
  RLX_TRY_VOID(file->check_unchanged());
  return tensors;
}

std::string to_npz(const Vec<HostTensor>& tensors) {
  ZipWriter zip;
  for (const HostTensor& t : tensors) {
    const std::string header = npy_header(t);
    zip.add(t.name + std::string(kEnding), {bytes_of(header), t.data.bytes()});
  }
  return zip.finish();
}

Status write_npz(const std::string& path, const Vec<HostTensor>& tensors) {
  return write_file(path, bytes_of(to_npz(tensors)));
}

Result<Vec<HostTensor>> read_tensors(const std::string& path) {
  if (path.ends_with(".npz")) return read_npz(path);
  if (!path.ends_with(".npy")) {
    return Error(kUnsupportedTensorFile, path + " is no file of tensors that rlx reads",
                 "give a .npz or .npy file");
  }
  Vec<HostTensor> one;
  RLX_TRY(HostTensor t, read_npy(path));
  one.push_back(std::move(t));
  return one;
}

}  // namespace rlx
