#include "kernel/builder.h"

#include <catch2/catch.hpp>

namespace rlx {
namespace {

// An operator without attributes whose lowering each test gives.
Status (*lowering)(KernelBuilder&) = nullptr;

const OpDef* fake_op() {
  static const OpDef definition = [] {
    OpDef d;
    d.name = "fake";
    d.make = []() -> void* { return new int(0); };
    d.clone = [](const void* o) -> void* { return new int(*static_cast<const int*>(o)); };
    d.destroy = [](void* o) { delete static_cast<int*>(o); };
    d.lower = [](const void*, KernelBuilder& b) { return lowering(b); };
    return d;
  }();
  return &definition;
}

Type tensor(DType dtype, Vec<Dim> shape) { return Type::tensor(dtype, std::move(shape)); }

// The kernel's text; the node is the graph's first.
std::string lowered(Graph& g, Values inputs, Types outputs, Status (*lower_it)(KernelBuilder&)) {
  lowering = lower_it;
  NodeId node =
      g.add_node(Graph::kTop, Attrs(fake_op()), std::move(inputs), std::move(outputs), {"/n"});
  auto k = lower(g, node);
  if (!k) FAIL(to_text(k.error()));
  CHECK(parse_kernels(to_text(*k)).ok());
  return to_text(*k);
}

const Dim kN = Dim::symbol("n");

}  // namespace

TEST_CASE("a map over a grid") {
  Graph g;
  ValueId x = g.add_input(tensor(DType::kF32, {kN, 4}), "x");
  CHECK(lowered(g, {x, x}, {tensor(DType::kF32, {kN, 4})}, [](KernelBuilder& b) -> Status {
          Vec<Dim> at = b.grid(b.out().shape);
          StageBuilder s = b.map();
          Ex e = s.load(b.input(0), at);
          CHECK(s.load(b.input(1), at).id == e.id);
          Ex twice = 2 * e;
          s.store(b.output(), at, twice + e / 3.0);
          return {};
        }) == R"(kernel "fake_1" {
  arg %0 : f32[n, 4] row_major
  arg %1 : f32[n, 4] row_major written
  grid i0 in n, i1 in 4
  map %1.0 @ ["/n"] {
    v0 = load %0[i0, i1]
    v1 : f32 = const 2.0
    v2 = mul(v1, v0)
    v3 : f32 = const 3.0
    v4 = div(v0, v3)
    v5 = add(v2, v4)
    %1[i0, i1] = v5
  }
}
)");
}

TEST_CASE("a reduction into a local") {
  Graph g;
  ValueId x = g.add_input(tensor(DType::kF32, {kN, 8}), "x");
  std::string text = lowered(g, {x}, {tensor(DType::kF32, {kN})}, [](KernelBuilder& b) -> Status {
    Dim row = b.grid(b.in(0).shape[0]);
    Place unused = b.local(DType::kF32, {8}), sum = b.local(DType::kF32);
    StageBuilder r = b.reduce({8});
    Ex e = r.load(b.input(0), {row, r.loop(0)});
    r.add_accumulator(DType::kF32, Scalar::of(DType::kF32, 0));
    r.set_combine(0, r.acc() + e);
    r.store(sum, {}, r.acc());
    r.store(unused, {0}, r.acc() * 2);
    StageBuilder m = b.map();
    m.store(b.output(), {row}, apply(Fn::kSqrt, m.load(sum, {})));
    return {};
  });
  CHECK(text == R"(kernel "fake_1" {
  arg %0 : f32[n, 8] row_major
  arg %1 : f32[n] row_major written
  local l0 : f32[]
  grid i0 in n
  reduce %1.0 for i1 in 8 @ ["/n"] {
    acc0 : f32 = 0.0
    v0 = load %0[i0, i1]
    v1 = acc0
    v2 = add(v1, v0)
    acc0 = v2
    l0[] = v1
  }
  map %1.1 @ ["/n"] {
    v0 = load l0[]
    v1 = sqrt(v0)
    %1[i0] = v1
  }
}
)");
}

TEST_CASE("16-bit floats compute in f32, and copies stay exact") {
  Graph g;
  ValueId x = g.add_input(tensor(DType::kF16, {4}), "x");
  std::string text = lowered(g, {x}, {tensor(DType::kF16, {4}), tensor(DType::kF16, {4})},
                             [](KernelBuilder& b) -> Status {
                               Dim i = b.grid(4);
                               StageBuilder s = b.map();
                               Ex e = s.load(b.input(0), {i});
                               CHECK(e.type() == DType::kF32);
                               CHECK(s.constant(DType::kBF16, 0.1).type() == DType::kF32);
                               s.store(b.output(0), {i}, e + e);
                               s.store(b.output(1), {i}, e);
                               return {};
                             });
  CHECK(text.find("v1 : f32 = cast(v0)\n    v2 = add(v1, v1)\n    v3 : f16 = cast(v2)\n"
                  "    %1[i0] = v3\n    %2[i0] = v0\n") != std::string::npos);
}

TEST_CASE("known elements are no arguments") {
  Graph g;
  ValueId x = g.add_input(tensor(DType::kF32, {kN}), "x");
  ValueId half = g.add_constant(make_constant(DType::kF16, {1}, std::string("\x00\x38", 2)));
  ValueId dims = g.add_dims({kN, 3}, 1);
  ValueId table = g.add_constant(make_i64({7, 8, 9}, 1));
  std::string text = lowered(g, {x, half, dims, table}, {tensor(DType::kF32, {kN})},
                             [](KernelBuilder& b) -> Status {
                               Dim i = b.grid(b.out().shape[0]);
                               StageBuilder s = b.map();
                               Ex e = s.load(b.input(0), {i});
                               e = e * s.load(b.input(1), {0});
                               Ex count = s.load(b.input(2), {0});
                               count = count + s.load(b.input(3), {2});
                               s.store(b.output(), {i}, e + cast(count, DType::kF32));
                               return {};
                             });
  CHECK(text == R"(kernel "fake_4" {
  arg %0 : f32[n] row_major
  arg %4 : f32[n] row_major written
  grid i0 in n
  map %4.0 @ ["/n"] {
    v0 = load %0[i0]
    v1 : f32 = const 0.5
    v2 = mul(v0, v1)
    v3 = index n
    v4 : i64 = const 9
    v5 = add(v3, v4)
    v6 : f32 = cast(v5)
    v7 = add(v2, v6)
    %4[i0] = v7
  }
}
)");
}

TEST_CASE("elements that only the run tells are read") {
  Graph g;
  ValueId table = g.add_constant(make_i64({7, 8, 9}, 1));
  std::string text =
      lowered(g, {table}, {tensor(DType::kI64, {3})}, [](KernelBuilder& b) -> Status {
        Dim i = b.grid(3);
        StageBuilder s = b.map();
        Ex e = s.load(b.input(0), {2 - i});
        e = s.gather(b.input(0), {{.expr = (e - 7).id, .from_end = true}},
                     {{.rule = Bounds::Rule::kChecked}});
        s.store(b.output(), {i}, e);
        return {};
      });
  CHECK(text.find("arg %0 : i64[3] row_major constant\n") != std::string::npos);
  CHECK(text.find("v0 = load %0[-i0 + 2]\n") != std::string::npos);
  CHECK(text.find("load %0[at v2 from end checked]\n") != std::string::npos);
}

TEST_CASE("the operands of a contraction stay reads") {
  Graph g;
  ValueId a = g.add_input(tensor(DType::kF16, {kN, 1}), "a");
  ValueId b = g.add_constant(make_constant(DType::kF16, {1, 1}, std::string("\x00\x38", 2)));
  std::string text =
      lowered(g, {a, b}, {tensor(DType::kF16, {kN, 1})}, [](KernelBuilder& k) -> Status {
        Vec<Dim> at = k.grid(k.out().shape);
        StageBuilder s = k.contract({1});
        const Ex left = s.load(k.input(0), {at[0], s.loop(0)});
        const Ex right = s.load(k.input(1), {s.loop(0), at[1]});
        auto& d = std::get<Contract>(s.stage().detail);
        d.m = {*at[0].as_loop()};
        d.n = {*at[1].as_loop()};
        d.a = left.id;
        d.b = right.id;
        s.store(k.output(), at, s.acc());
        return {};
      });
  CHECK(text.find("contract %2.0 for i2 in 1 @ [\"/n\"] {\n"
                  "    batch [] m [i0] n [i1] k [i2]\n"
                  "    acc0 : f32\n"
                  "    v0 = load %0[i0, i2]\n"
                  "    v1 : f32 = cast(v0)\n"
                  "    v2 = load %1[i2, i1]\n"
                  "    v3 : f32 = cast(v2)\n"
                  "    v4 = acc0\n"
                  "    v5 : f16 = cast(v4)\n"
                  "    a = v1\n"
                  "    b = v3\n"
                  "    %2[i0, i1] = v5\n") != std::string::npos);
}

TEST_CASE("steps that carry a row's greatest element and the sum of its powers") {
  Graph g;
  ValueId x = g.add_input(tensor(DType::kF32, {kN, 64}), "x");
  CHECK(lowered(g, {x}, {tensor(DType::kF32, {kN})}, [](KernelBuilder& b) -> Status {
          const Dim row = b.grid(b.out().shape[0]);
          const Dim block = b.steps(4);
          const Place most = b.carried(DType::kF32, {}, block, -1e30);
          const Place next = b.local(DType::kF32);
          StageBuilder max = b.reduce({16});
          const int i = max.add_accumulator(DType::kF32, Scalar::of(DType::kF32, -1e30));
          const Ex e = max.load(b.input(0), {row, block * 16 + max.loop(0)});
          max.set_combine(i, apply(Fn::kMax, max.acc(i), e));
          max.store(next, {}, max.acc(i));
          StageBuilder update = b.map();
          const Ex old = update.load(most, {});
          const Ex greatest = apply(Fn::kMax, old, update.load(next, {}));
          update.store(most, {}, greatest);
          update.store(b.output(), {row}, greatest);
          return {};
        }) == R"(kernel "fake_1" {
  arg %0 : f32[n, 64] row_major
  arg %1 : f32[n] row_major written
  local l0 : f32[] carry i1 = -1e+30
  local l1 : f32[]
  grid i0 in n, i1 in 4 sequential
  reduce %1.0 for i2 in 16 @ ["/n"] {
    order sequence
    acc0 : f32 = -1e+30
    v0 = load %0[i0, i1 * 16 + i2]
    v1 = acc0
    v2 = max(v1, v0)
    acc0 = v2
    l1[] = v1
  }
  map %1.1 @ ["/n"] {
    v0 = load l0[]
    v1 = load l1[]
    v2 = max(v0, v1)
    l0[] = v2
    %1[i0] = v2
  }
}
)");
}

TEST_CASE("scans and scatters") {
  Graph g;
  ValueId x = g.add_input(tensor(DType::kF32, {4, 6}), "x");
  std::string text = lowered(g, {x}, {tensor(DType::kF32, {4, 6})}, [](KernelBuilder& b) -> Status {
    Dim i = b.grid(4);
    StageBuilder s = b.scan(6, true, true);
    s.add_accumulator(DType::kF32, Scalar::of(DType::kF32, 0));
    Ex sum = s.acc();
    s.set_combine(0, sum + s.load(b.input(0), {i, s.loop(0)}));
    s.scatter(b.output(), {{.dim = i}, {.dim = s.loop(0)}}, Vec<Bounds>(2), sum, Combine::kMax);
    return {};
  });
  CHECK(text.find("over i1 exclusive reverse\n") != std::string::npos);
  CHECK(text.find("%1[i0, i1] max= v0\n") != std::string::npos);
}

TEST_CASE("what the builder knows of its node") {
  Graph g;
  ValueId x = g.add_input(tensor(DType::kF32, {kN}), "x");
  ValueId dims = g.add_dims({kN, 3}, 1), shape = g.add_constant(make_i64({2, 5}, 1));
  NodeId node = g.add_node(Graph::kTop, Attrs(fake_op()), {x, ValueId(), dims, shape},
                           {tensor(DType::kF32, {kN})}, {"/a", "/b"});
  KernelBuilder b(g, node);
  CHECK(b.inputs() == 4);
  CHECK(b.has(0));
  CHECK_FALSE(b.has(1));
  CHECK_FALSE(b.has(4));
  CHECK(b.outputs() == 1);
  CHECK_FALSE(b.known(0).has_value());
  CHECK(b.known(2) == Vec<Dim>{kN, 3});
  CHECK(b.known(3) == Vec<Dim>{2, 5});
  CHECK(b.constant(3) != nullptr);
  CHECK(b.constant(0) == nullptr);
  Error e = b.error(4201, "must be known", "make it so");
  CHECK(e.first().node == "/a, /b");
  CHECK(e.first().op == "fake");
  CHECK(e.first().shapes[0] == "x: f32[n]");
  CHECK(e.first().hint == "make it so");
}

TEST_CASE("an error of a lowering is passed on") {
  Graph g;
  ValueId x = g.add_input(tensor(DType::kF32, {kN}), "x");
  lowering = [](KernelBuilder& b) -> Status { return b.error(4202, "no such form"); };
  NodeId node = g.add_node(Graph::kTop, Attrs(fake_op()), {x}, {tensor(DType::kF32, {kN})}, {"/n"});
  auto k = lower(g, node);
  REQUIRE_FALSE(k.ok());
  CHECK(k.error().first().code == 4202);
}

}  // namespace rlx
