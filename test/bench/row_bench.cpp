// Row programs against loops written by hand with intrinsics: nanoseconds a row, and how many times the hand's
// time the compiled kernel takes.
#include <immintrin.h>
#include <sys/mman.h>

#include <chrono>
#include <cstdio>
#include <cstring>
#include <functional>
#include <memory>
#include <random>

#include "backend/cpu/cpu.h"
#include "test/backend/kernels.h"

namespace rlx {
namespace {

#define RLX_AVX2 __attribute__((target("avx2,fma")))
#define RLX_AVX512 __attribute__((target("avx512f,avx512dq,avx512vl,avx512bw")))

constexpr float kLog2e = 1.44269504F;
constexpr float kLn2High = 0.693145751953125F, kLn2Low = 1.42860682030941723212e-6F;
// As exact as the compiled kernel's: minimax of degree 6 on half of ln 2 either way.
constexpr float kExp[] = {0.00138145941F, 0.0083687175F, 0.041668389F, 0.166665211F,
                          0.49999994F,    1.0F,          1.0F};

// ---- AVX2 -------------------------------------------------------------------------------------

RLX_AVX2 inline __m256 exp8(__m256 x) {
  x = _mm256_max_ps(x, _mm256_set1_ps(-87.3F));
  __m256 magic = _mm256_set1_ps(12582912.0F);
  __m256 t = _mm256_fmadd_ps(x, _mm256_set1_ps(kLog2e), magic);
  __m256i shift = _mm256_slli_epi32(_mm256_castps_si256(t), 23);
  __m256 n = _mm256_sub_ps(t, magic);
  __m256 r = _mm256_fnmadd_ps(n, _mm256_set1_ps(kLn2High), x);
  r = _mm256_fnmadd_ps(n, _mm256_set1_ps(kLn2Low), r);
  __m256 p = _mm256_set1_ps(kExp[0]);
#pragma GCC unroll 8
  for (int i = 1; i < 7; ++i) p = _mm256_fmadd_ps(p, r, _mm256_set1_ps(kExp[i]));
  return _mm256_castsi256_ps(_mm256_add_epi32(_mm256_castps_si256(p), shift));
}

RLX_AVX2 inline float sum8(__m256 v) {
  __m128 s = _mm_add_ps(_mm256_castps256_ps128(v), _mm256_extractf128_ps(v, 1));
  s = _mm_add_ps(s, _mm_movehl_ps(s, s));
  return _mm_cvtss_f32(_mm_add_ss(s, _mm_shuffle_ps(s, s, 1)));
}

RLX_AVX2 inline float max8(__m256 v) {
  __m128 s = _mm_max_ps(_mm256_castps256_ps128(v), _mm256_extractf128_ps(v, 1));
  s = _mm_max_ps(s, _mm_movehl_ps(s, s));
  return _mm_cvtss_f32(_mm_max_ss(s, _mm_shuffle_ps(s, s, 1)));
}

RLX_AVX2 void softmax_avx2(const float* x, float* y, int64_t m) {
  __m256 top[4];
  for (__m256& t : top) t = _mm256_set1_ps(-INFINITY);
  for (int64_t i = 0; i < m; i += 32) {
#pragma GCC unroll 4
    for (int j = 0; j < 4; ++j) top[j] = _mm256_max_ps(top[j], _mm256_loadu_ps(x + i + 8 * j));
  }
  top[0] = _mm256_max_ps(_mm256_max_ps(top[0], top[1]), _mm256_max_ps(top[2], top[3]));
  __m256 max = _mm256_set1_ps(max8(top[0]));
  __m256 sum[2] = {};
  for (int64_t i = 0; i < m; i += 16) {
#pragma GCC unroll 2
    for (int j = 0; j < 2; ++j) {
      __m256 e = exp8(_mm256_sub_ps(_mm256_loadu_ps(x + i + 8 * j), max));
      _mm256_storeu_ps(y + i + 8 * j, e);
      sum[j] = _mm256_add_ps(sum[j], e);
    }
  }
  __m256 scale = _mm256_set1_ps(1 / sum8(_mm256_add_ps(sum[0], sum[1])));
  for (int64_t i = 0; i < m; i += 8) {
    _mm256_storeu_ps(y + i, _mm256_mul_ps(_mm256_loadu_ps(y + i), scale));
  }
}

RLX_AVX2 void layer_norm_avx2(const float* x, const float* g, const float* b, float* y, int64_t m) {
  __m256 sum[4] = {}, squares[4] = {};
  for (int64_t i = 0; i < m; i += 32) {
#pragma GCC unroll 4
    for (int j = 0; j < 4; ++j) sum[j] = _mm256_add_ps(sum[j], _mm256_loadu_ps(x + i + 8 * j));
  }
  auto total = [](__m256* v) RLX_AVX2 {
    return sum8(_mm256_add_ps(_mm256_add_ps(v[0], v[1]), _mm256_add_ps(v[2], v[3])));
  };
  float length = static_cast<float>(m);
  __m256 mean = _mm256_set1_ps(total(sum) / length);
  for (int64_t i = 0; i < m; i += 32) {
#pragma GCC unroll 4
    for (int j = 0; j < 4; ++j) {
      __m256 d = _mm256_sub_ps(_mm256_loadu_ps(x + i + 8 * j), mean);
      squares[j] = _mm256_fmadd_ps(d, d, squares[j]);
    }
  }
  __m256 scale = _mm256_set1_ps(1 / std::sqrt(total(squares) / length + 1e-5F));
  for (int64_t i = 0; i < m; i += 8) {
    __m256 d = _mm256_mul_ps(_mm256_sub_ps(_mm256_loadu_ps(x + i), mean), scale);
    _mm256_storeu_ps(y + i, _mm256_fmadd_ps(d, _mm256_loadu_ps(g + i), _mm256_loadu_ps(b + i)));
  }
}

// ---- AVX-512 ----------------------------------------------------------------------------------

RLX_AVX512 inline __m512 exp16(__m512 x) {
  __m512 n = _mm512_roundscale_ps(_mm512_mul_ps(x, _mm512_set1_ps(kLog2e)), 8);
  __m512 r = _mm512_fnmadd_ps(n, _mm512_set1_ps(kLn2High), x);
  r = _mm512_fnmadd_ps(n, _mm512_set1_ps(kLn2Low), r);
  __m512 p = _mm512_set1_ps(kExp[0]);
#pragma GCC unroll 8
  for (int i = 1; i < 7; ++i) p = _mm512_fmadd_ps(p, r, _mm512_set1_ps(kExp[i]));
  return _mm512_scalef_ps(p, n);
}

RLX_AVX512 void softmax_avx512(const float* x, float* y, int64_t m) {
  __m512 top[4];
  for (__m512& t : top) t = _mm512_set1_ps(-INFINITY);
  for (int64_t i = 0; i < m; i += 64) {
#pragma GCC unroll 4
    for (int j = 0; j < 4; ++j) top[j] = _mm512_max_ps(top[j], _mm512_loadu_ps(x + i + 16 * j));
  }
  top[0] = _mm512_max_ps(_mm512_max_ps(top[0], top[1]), _mm512_max_ps(top[2], top[3]));
  __m512 max = _mm512_set1_ps(_mm512_reduce_max_ps(top[0]));
  __m512 sum[2] = {};
  for (int64_t i = 0; i < m; i += 32) {
#pragma GCC unroll 2
    for (int j = 0; j < 2; ++j) {
      __m512 e = exp16(_mm512_sub_ps(_mm512_loadu_ps(x + i + 16 * j), max));
      _mm512_storeu_ps(y + i + 16 * j, e);
      sum[j] = _mm512_add_ps(sum[j], e);
    }
  }
  __m512 scale = _mm512_set1_ps(1 / _mm512_reduce_add_ps(_mm512_add_ps(sum[0], sum[1])));
  for (int64_t i = 0; i < m; i += 16) {
    _mm512_storeu_ps(y + i, _mm512_mul_ps(_mm512_loadu_ps(y + i), scale));
  }
}

RLX_AVX512 void layer_norm_avx512(const float* x, const float* g, const float* b, float* y,
                                  int64_t m) {
  __m512 sum[4] = {}, squares[4] = {};
  for (int64_t i = 0; i < m; i += 64) {
#pragma GCC unroll 4
    for (int j = 0; j < 4; ++j) sum[j] = _mm512_add_ps(sum[j], _mm512_loadu_ps(x + i + 16 * j));
  }
  auto total = [](__m512* v) RLX_AVX512 {
    __m512 all = _mm512_add_ps(_mm512_add_ps(v[0], v[1]), _mm512_add_ps(v[2], v[3]));
    return _mm512_reduce_add_ps(all);
  };
  float length = static_cast<float>(m);
  __m512 mean = _mm512_set1_ps(total(sum) / length);
  for (int64_t i = 0; i < m; i += 64) {
#pragma GCC unroll 4
    for (int j = 0; j < 4; ++j) {
      __m512 d = _mm512_sub_ps(_mm512_loadu_ps(x + i + 16 * j), mean);
      squares[j] = _mm512_fmadd_ps(d, d, squares[j]);
    }
  }
  __m512 scale = _mm512_set1_ps(1 / std::sqrt(total(squares) / length + 1e-5F));
  for (int64_t i = 0; i < m; i += 16) {
    __m512 d = _mm512_mul_ps(_mm512_sub_ps(_mm512_loadu_ps(x + i), mean), scale);
    _mm512_storeu_ps(y + i, _mm512_fmadd_ps(d, _mm512_loadu_ps(g + i), _mm512_loadu_ps(b + i)));
  }
}

// ---- Measuring --------------------------------------------------------------------------------

using Function = void (*)(void* const*, const int64_t*, int64_t, int64_t, void*);

struct Compiled {
  Function function = nullptr;
  int64_t tiles = 0;
};

Compiled compiled(const std::string& text, const Target& target, int64_t rows) {
  Kernel k = (*parse_kernels(text))[0];
  Code code = *backend::cpu::compile({{k, {}}}, {"n"}, target, 1);
  void* memory =
      mmap(nullptr, code.blob.size(), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  std::memcpy(memory, code.blob.data(), code.blob.size());
  mprotect(memory, code.blob.size(), PROT_READ | PROT_EXEC);
  auto address = static_cast<std::byte*>(memory) + code.entries[0].offset;
  return {reinterpret_cast<Function>(address), *evaluate(code.entries[0].tiles, {{"n", rows}})};
}

double nanoseconds(const std::function<void()>& f) {
  using Clock = std::chrono::steady_clock;
  double best = 1e30;
  for (int repeat = 0; repeat < 200; ++repeat) {
    auto start = Clock::now();
    f();
    best = std::min(best, std::chrono::duration<double, std::nano>(Clock::now() - start).count());
  }
  return best;
}

struct Data {
  Vec<float> x, g, b, y, scratch;

  explicit Data(int64_t elements) {
    std::mt19937 random(1);
    std::normal_distribution<float> normal;
    for (Vec<float>* v : {&x, &g, &b, &y, &scratch}) {
      v->resize(static_cast<size_t>(elements) + 16);
      for (float& f : *v) f = normal(random);
    }
  }
};

void* aligned(Vec<float>& v) {
  void* start = v.data();
  size_t room = v.size() * sizeof(float);
  return std::align(64, room - 64, start, room);
}

void compare(const char* name, const Target& target, int64_t rows, int64_t m) {
  Data d(rows * m + 4096);
  auto row = [&](Vec<float>& v, int64_t r) { return static_cast<float*>(aligned(v)) + r * m; };
  bool wide = target.cpu().vector_bits == 512;
  bool softmax = std::strcmp(name, "softmax") == 0;
  std::string length = std::to_string(m);
  Compiled c = compiled(
      softmax ? test::softmax_text("n", length) : test::layer_norm_text("n", length), target, rows);
  void* two[] = {aligned(d.x), aligned(d.y)};
  void* four[] = {aligned(d.x), aligned(d.g), aligned(d.b), aligned(d.y)};
  double ours =
      nanoseconds([&] { c.function(softmax ? two : four, &rows, 0, c.tiles, aligned(d.scratch)); });
  double hand = nanoseconds([&] {
    for (int64_t r = 0; r < rows; ++r) {
      if (softmax && wide) softmax_avx512(row(d.x, r), row(d.y, r), m);
      if (softmax && !wide) softmax_avx2(row(d.x, r), row(d.y, r), m);
      if (!softmax && wide) {
        layer_norm_avx512(row(d.x, r), row(d.g, 0), row(d.b, 0), row(d.y, r), m);
      }
      if (!softmax && !wide) layer_norm_avx2(row(d.x, r), row(d.g, 0), row(d.b, 0), row(d.y, r), m);
    }
  });
  auto each = static_cast<double>(rows);
  std::printf("%-11s %-14s %5ld  hand %7.1f ns  rlx %7.1f ns  %.2fx\n", name, target.text.c_str(),
              m, hand / each, ours / each, ours / hand);
}

}  // namespace
}  // namespace rlx

int main() {
  using rlx::parse_target, rlx::Target;
  Target host = *parse_target("host");
  for (const char* text : {"cpu:x86-64-v3", "cpu:x86-64-v4"}) {
    Target t = *parse_target(text);
    if (t.cpu().vector_bits == 512 && host.cpu().vector_bits != 512) continue;
    for (int64_t m : {128, 384, 768, 1024, 4096}) {
      rlx::compare("softmax", t, 64, m);
      rlx::compare("layer norm", t, 64, m);
    }
  }
}
