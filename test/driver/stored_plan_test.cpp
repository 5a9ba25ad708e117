// A stored plan that does not fit its graph, its kernels or its buffers is refused, whatever it says.
#include <catch2/catch.hpp>

#include <algorithm>

#include "driver/compile.h"
#include "ir/text.h"

namespace rlx::test {
namespace {

using Tamper = std::function<void(Lir&)>;

// For a stated target: what it plans is the same everywhere.
Lir plan_of(const char* text, driver::Options options = {}) {
  auto g = parse_graph(text);
  REQUIRE(g);
  auto compiled = driver::compile(
      std::move(*g), {.target = *parse_target("cpu:x86-64-v3"), .options = std::move(options)});
  if (!compiled) FAIL(to_text(compiled.error()));
  return std::move(compiled->lir);
}

// A product with an epilogue, then a row.
Lir planned() {
  return plan_of(R"(graph "g" {
  %x = input "x" : f32[24, 40]
  %w = input "w" : f32[40, 24]
  %a = matmul(%x, %w)
  %r = relu(%a)
  %s = softmax(%r) {axis = 0}
  output "y" = %s
})");
}

// Parts that are written into a concatenation, one of them read by a kernel that writes another.
Lir planned_views() {
  return plan_of(R"(graph "g" {
  %x = input "x" : f32[24, 40]
  %w = input "w" : f32[40, 40]
  %a = matmul(%x, %w)
  %b = matmul(%a, %w)
  %c = concat(%a, %b) {axis = 0}
  %s = softmax(%c) {axis = 0}
  output "y" = %s
})");
}

// Read back as from the store, then compiled.
Status compiled_again(const Lir& lir) {
  auto read = lir_from_json(to_json(lir), {});
  if (!read) return std::move(read.error());
  auto image = driver::compile_lir(*read, *parse_target("cpu:x86-64-v3"), 1);
  if (!image) return std::move(image.error());
  return {};
}

Group& product(Lir& lir) {
  for (Group& g : lir.groups) {
    if (g.choice.algorithm == "contract.panel") return g;
  }
  FAIL("no product");
  return lir.groups[0];
}

void refuses(const char* what, const Tamper& tamper, Lir lir = planned()) {
  INFO(what);
  tamper(lir);
  Status status = compiled_again(lir);
  REQUIRE_FALSE(status.ok());
  int code = status.error().first().code;
  CHECK((code / 1000 == 8 || code == 1303));
}

}  // namespace

TEST_CASE("a stored plan compiles as it is") {
  CHECK(compiled_again(planned()).ok());
  CHECK(compiled_again(planned_views()).ok());
}

TEST_CASE("a stored plan whose values lie in others where they should not is refused") {
  auto part_at = [](Lir& l, int64_t start) -> Placed& {
    for (Placed& p : l.placed) {
      if (p.inside && p.inside->start[0].is(start)) return p;
    }
    FAIL("no part begins at " << start);
    return l.placed[0];
  };
  auto refuses_views = [](const char* what, const Tamper& tamper) {
    refuses(what, tamper, planned_views());
  };
  refuses_views("a part over another", [&](Lir& l) { part_at(l, 24).inside->start[0] = 23; });
  refuses_views("parts that change places", [&](Lir& l) {
    std::swap(part_at(l, 0).inside->start, part_at(l, 24).inside->start);
  });
  refuses_views("a part outside", [&](Lir& l) { part_at(l, 24).inside->start[0] = 25; });
  refuses_views("a part before the beginning",
                [&](Lir& l) { part_at(l, 0).inside->start[0] = -1; });
  refuses_views("a part that begins nobody knows where",
                [&](Lir& l) { part_at(l, 24).inside->start[0] = Dim::symbol("n"); });
  refuses_views("too few axes", [&](Lir& l) { part_at(l, 24).inside->start.pop_back(); });
  refuses_views("a container that is not there",
                [&](Lir& l) { part_at(l, 24).inside->container = 99; });
  refuses_views("a part in itself", [&](Lir& l) {
    Placed& b = part_at(l, 24);
    b.inside->container = static_cast<uint32_t>(&b - l.placed.data());
  });
  refuses_views("a part in another buffer", [&](Lir& l) { part_at(l, 24).buffer = 0; });
  refuses_views("a part with a storage of its own",
                [&](Lir& l) { part_at(l, 24).storage = Storage::ordered({1, 0}); });
  refuses_views("a part with memory of its own", [&](Lir& l) {
    Placed& b = part_at(l, 24);
    b.inside.reset();
    b.buffer = static_cast<uint32_t>(l.buffers.size());
    l.buffers.push_back({.elements = 24 * 40});
  });
  refuses_views("two values in one buffer", [&](Lir& l) { part_at(l, 24).inside.reset(); });
  refuses_views("the arguments of one kernel change places",
                [](Lir& l) { std::swap(l.groups[0].args[0], l.groups[0].args[1]); });
}

TEST_CASE("a stored plan whose blocks are not those of its graph is refused") {
  const char* text = R"(graph "g" {
  %c = input "c" : bool[]
  %x = input "x" : f32[24, 24]
  %a = softmax(%x) {axis = 0}
  %i = if(%c) {
    region () captures (%a) {
      %p = matmul(%a, %a)
      yield %p
    }
    region () captures (%a) {
      %q = softmax(%a) {axis = 0}
      yield %q
    }
  }
  %y = softmax(%i) {axis = 1}
  output "y" = %y
})";
  const Lir lir = plan_of(text);
  CHECK(compiled_again(lir).ok());
  auto refuses_blocks = [&](const char* what, const Tamper& tamper) { refuses(what, tamper, lir); };
  auto owner = [](Lir& l) -> Group& {
    return *std::ranges::find_if(l.groups, [](const Group& g) { return !g.ends.empty(); });
  };
  auto number = [&](Lir& l) { return static_cast<uint32_t>(&owner(l) - l.groups.data()); };
  refuses_blocks("no blocks", [&](Lir& l) { owner(l).ends.clear(); });
  refuses_blocks("one block", [&](Lir& l) { owner(l).ends.pop_back(); });
  refuses_blocks("blocks of a kernel", [](Lir& l) { l.groups[0].ends = {1, 1}; });
  refuses_blocks("all in the first block", [&](Lir& l) { owner(l).ends[0] = owner(l).ends[1]; });
  refuses_blocks("nothing in the first block", [&](Lir& l) { owner(l).ends[0] = number(l) + 1; });
  refuses_blocks("a block that ends before it begins", [&](Lir& l) { owner(l).ends[0] = 0; });
  refuses_blocks("a block beyond the end", [&](Lir& l) { owner(l).ends[1] = 99; });
  refuses_blocks("a block that takes in what comes after", [&](Lir& l) { ++owner(l).ends[1]; });
  refuses_blocks("branches that change places",
                 [&](Lir& l) { std::swap(l.groups[number(l) + 1], l.groups[number(l) + 2]); });
  refuses_blocks("a condition that is no byte",
                 [&](Lir& l) { owner(l).args[0] = owner(l).args[1]; });
  refuses_blocks("a condition that dies too early",
                 [&](Lir& l) { l.buffers[l.placed[owner(l).args[1]].buffer].last = 0; });
}

TEST_CASE("a stored plan that does not carry what its loops do is refused") {
  const char* text = R"(graph "g" {
  %m = input "m" : i64[]
  %a = input "a" : f32[24, 24]
  %b = input "b" : f32[24, 24]
  %yes = constant true : bool[]
  %x, %y = loop(%m, %yes, %a, %b) {
    region (%i : i64[], %c : bool[], %p : f32[24, 24], %q : f32[24, 24]) {
      %s = matmul(%p, %q)
      yield %c, %q, %s
    }
  }
  output "x" = %x
  output "y" = %y
})";
  const Lir lir = plan_of(text);
  CHECK(compiled_again(lir).ok());
  auto refuses_loop = [&](const char* what, const Tamper& tamper) { refuses(what, tamper, lir); };
  auto loop = [](Lir& l) {
    return static_cast<size_t>(
        std::ranges::find_if(l.groups, [](const Group& g) { return !g.ends.empty(); }) -
        l.groups.begin());
  };
  REQUIRE(lir.groups.back().nodes.empty());
  refuses_loop("the first trip finds something else",
               [&](Lir& l) { std::swap(l.groups[loop(l) - 1].args, l.groups[loop(l) - 2].args); });
  refuses_loop("the next trip finds something else",
               [&](Lir& l) { l.groups.back().args[0] = l.groups[l.groups.size() - 2].args[0]; });
  refuses_loop("what is carried goes nowhere",
               [&](Lir& l) { l.groups.back().args[1] = l.groups.back().args[0]; });
  refuses_loop("nothing is carried", [&](Lir& l) {
    l.groups.pop_back();
    --l.groups[loop(l)].ends[0];
  });
  refuses_loop("a copy between two types",
               [&](Lir& l) { l.groups.back().args[0] = l.groups[loop(l)].args[0]; });
  refuses_loop("two blocks",
               [&](Lir& l) { l.groups[loop(l)].ends.push_back(l.groups[loop(l)].ends[0]); });
}

TEST_CASE("a stored plan that carries in place what may not stay there is refused") {
  // One softmax may write over what it reads; the product may not, nor the softmax whose operand is read again.
  const Lir lir = plan_of(R"(graph "g" {
  %m = input "m" : i64[]
  %a = input "a" : f32[24, 24]
  %yes = constant true : bool[]
  %x, %y, %z = loop(%m, %yes, %a, %a, %a) {
    region (%i : i64[], %c : bool[], %p : f32[24, 24], %q : f32[24, 24], %r : f32[24, 24]) {
      %s = softmax(%p) {axis = 1}
      %t = matmul(%q, %q)
      %u = softmax(%r) {axis = 1}
      %v = matmul(%u, %r)
      %w = matmul(%v, %t)
      yield %c, %s, %w, %u
    }
  }
  output "x" = %x
  output "y" = %y
  output "z" = %z
})",
                          {{"disable", "fusion"}});
  CHECK(compiled_again(lir).ok());
  const auto loop = static_cast<size_t>(
      std::ranges::find_if(lir.groups, [](const Group& g) { return !g.ends.empty(); }) -
      lir.groups.begin());
  const size_t end = lir.groups[loop].ends[0];
  REQUIRE(lir.groups[end - 1].name.starts_with("carry"));
  REQUIRE(lir.groups[end - 2].nodes.size() == 1);
  // What is carried to each output before the first trip.
  auto output = [&](size_t i) { return lir.groups[loop - 3 + i].args[1]; };
  auto lay_over = [](Lir& l, uint32_t value, uint32_t container) {
    l.placed[value].inside = Inside{container, {0, 0}};
    l.placed[value].buffer = l.placed[container].buffer;
  };
  auto refuses_stay = [&](const char* what, const Tamper& tamper) { refuses(what, tamper, lir); };
  const uint32_t stays = lir.groups[loop + 1].args[1], late = lir.groups[end - 1].args[0];
  REQUIRE(lir.placed[stays].inside == Inside{output(0), {0, 0}});
  REQUIRE_FALSE(lir.placed[late].inside);
  refuses_stay("what is read again", [&](Lir& l) {
    lay_over(l, late, output(2));
    l.groups.pop_back();
    --l.groups[loop].ends[0];
  });
  refuses_stay("in another output", [&](Lir& l) { lay_over(l, stays, output(1)); });
  refuses_stay("not all of it", [&](Lir& l) { l.placed[stays].inside->start[0] = 1; });
  refuses_stay("and copied too", [&](Lir& l) {
    l.groups.insert(l.groups.end() - 1, {.name = "carry9", .args = {stays, output(0)}});
    ++l.groups[loop].ends[0];
  });
}

TEST_CASE("a stored plan with other states than its graph is refused") {
  const Lir lir = plan_of(R"(graph "g" {
  %past = input "past" : f32[b, p, 8]
  %other = input "other" : f32[b, p, 8]
  %x = input "x" : f32[b, n, 8]
  %new = softmax(%x) {axis = 2}
  %present = concat(%past, %new) {axis = 1}
  %r = softmax(%present) {axis = 1}
  output "r" = %r
  output "present" = %present
})");
  CHECK(compiled_again(lir).ok());
  REQUIRE(lir.states.size() == 1);
  REQUIRE(lir.groups[0].nodes.empty());
  auto refuses_state = [&](const char* what, const Tamper& tamper) { refuses(what, tamper, lir); };
  refuses_state("none", [](Lir& l) { l.states.clear(); });
  refuses_state("two of one value", [](Lir& l) { l.states.push_back(l.states[0]); });
  refuses_state("along another axis", [](Lir& l) { l.states[0].axis = 2; });
  refuses_state("along no axis", [](Lir& l) { l.states[0].axis = 3; });
  refuses_state("of another input", [](Lir& l) { l.states[0].input = l.graph.inputs()[1]; });
  refuses_state("of no input", [](Lir& l) { l.states[0].input = l.states[0].output; });
  refuses_state("of no value", [](Lir& l) { l.states[0].input = ValueId(size_t{999}); });
  refuses_state("of another output", [](Lir& l) { l.states[0].output = l.graph.outputs()[0]; });
  refuses_state("a capacity that is a dim", [](Lir& l) { l.states[0].input_capacity = "p"; });
  refuses_state("one capacity",
                [](Lir& l) { l.states[0].input_capacity = l.states[0].output_capacity; });
  refuses_state("a capacity of another name", [](Lir& l) { l.states[0].output_capacity = "much"; });
  refuses_state("no room", [](Lir& l) {
    for (LirBuffer& b : l.buffers) {
      if (b.role == LirBuffer::Role::kOutput) b.elements = Dim::symbol("b") * 8;
    }
  });
  refuses_state("copied when it has been read",
                [](Lir& l) { std::swap(l.groups[0], l.groups[2]); });
  refuses_state("copied to where new ones are",
                [](Lir& l) { l.placed[l.groups[0].args[1]].inside->start[1] = Dim::symbol("n"); });
  refuses_state("not copied", [](Lir& l) { l.groups.erase(l.groups.begin()); });
  refuses_state("the other way round",
                [](Lir& l) { std::swap(l.groups[0].args[0], l.groups[0].args[1]); });
}

TEST_CASE("a stored plan that does not give what its branches tell is refused") {
  const char* text = R"(graph "g" {
  %c = input "c" : bool[]
  %a = input "a" : f32[24, 24]
  %y = if(%c) {
    region () captures (%a) {
      %two = concat(%a, %a) {axis = 0}
      yield %two
    }
    region () captures (%a) {
      %r = relu(%a)
      yield %r
    }
  }
  %z = exp(%y)
  output "z" = %z
})";
  const Lir lir = plan_of(text);
  CHECK(compiled_again(lir).ok());
  auto item = [](Lir& l) {
    return static_cast<size_t>(
        std::ranges::find_if(l.groups, [](const Group& g) { return !g.ends.empty(); }) -
        l.groups.begin());
  };
  auto last_of_then = [&](Lir& l) { return l.groups[item(l)].ends[0] - 1; };
  auto refuses_gift = [&](const char* what, const Tamper& tamper) { refuses(what, tamper, lir); };
  Lir as_it_is = lir;
  REQUIRE(is_given(as_it_is, as_it_is.groups[last_of_then(as_it_is)]));
  refuses_gift("a branch keeps what it gives", [&](Lir& l) {
    const size_t at = last_of_then(l), owner = item(l);
    l.groups.erase(l.groups.begin() + static_cast<ptrdiff_t>(at));
    for (uint32_t& end : l.groups[owner].ends) --end;
    for (LirBuffer& b : l.buffers) {
      if (b.first > at) --b.first;
      if (b.last >= at && b.last > 0) --b.last;
    }
  });
  refuses_gift("a branch gives something else",
               [&](Lir& l) { l.groups[last_of_then(l)].args[0] = l.groups[item(l)].args[0]; });
}

TEST_CASE("a stored plan that lays values over what is needed is refused") {
  // The scores die in the first softmax, the values of the second product do not in the second.
  const char* text = R"(graph "g" {
  %x = input "x" : f32[24, 24]
  %a = matmul(%x, %x)
  %b = softmax(%a) {axis = 1}
  %c = matmul(%b, %x)
  %d = softmax(%c) {axis = 1}
  %e = matmul(%d, %c)
  output "y" = %e
})";
  // Each product and softmax a kernel of its own.
  const Lir lir = plan_of(text, {{"disable", "fusion"}});
  CHECK(compiled_again(lir).ok());
  auto placed_of = [](const Lir& l, size_t group, size_t arg) { return l.groups[group].args[arg]; };
  const uint32_t a = placed_of(lir, 0, 1), b = placed_of(lir, 1, 1), c = placed_of(lir, 2, 2),
                 d = placed_of(lir, 3, 1);
  REQUIRE(lir.placed[b].inside == Inside{a, {0, 0}});
  REQUIRE_FALSE(lir.placed[d].inside);
  auto lay_over = [](Lir& l, uint32_t value, uint32_t container) {
    l.placed[value].inside = Inside{container, {0, 0}};
    l.placed[value].buffer = l.placed[container].buffer;
  };
  refuses("over what is read again", [&](Lir& l) { lay_over(l, d, c); }, lir);
  refuses("over what another kernel made", [&](Lir& l) { lay_over(l, d, a); }, lir);
  refuses("over the user's", [&](Lir& l) { lay_over(l, d, placed_of(l, 0, 0)); }, lir);
  refuses("by a product", [&](Lir& l) { lay_over(l, c, a); }, lir);
}

TEST_CASE("a stored plan that splits sums otherwise is refused") {
  const Lir lir = plan_of(R"(graph "g" {
  %x = input "x" : f32[1, 65536]
  %w = input "w" : f32[65536, 8]
  %a = matmul(%x, %w)
  %r = relu(%a)
  output "y" = %r
})");
  REQUIRE(lir.splits.size() == 1);
  REQUIRE(lir.splits[0].accumulators.size() == 1);
  CHECK(compiled_again(lir).ok());
  auto refuses_split = [&](const char* what, const Tamper& tamper) { refuses(what, tamper, lir); };
  refuses_split("no split", [](Lir& l) { l.splits.clear(); });
  refuses_split("of another node", [](Lir& l) { l.splits[0].node = NodeId(1); });
  refuses_split("of no node", [](Lir& l) { l.splits[0].node = NodeId(9); });
  refuses_split("twice", [](Lir& l) { l.splits.push_back(l.splits[0]); });
  refuses_split("without accumulators", [](Lir& l) { l.splits[0].accumulators.clear(); });
  refuses_split("into a value that is there",
                [](Lir& l) { l.splits[0].accumulators[0].value = ValueId(0); });
  refuses_split("into a value that is not there",
                [](Lir& l) { l.splits[0].accumulators[0].value = ValueId(99); });
  refuses_split("in other runs", [](Lir& l) {
    l.splits[0].accumulators[0].type = Type::tensor(DType::kF32, {4, 1, 8});
  });
}

TEST_CASE("a stored plan that does not fit is refused") {
  refuses("an unknown algorithm", [](Lir& l) { product(l).choice.algorithm = "contract.magic"; });
  refuses("an algorithm of another kind",
          [](Lir& l) { product(l).choice.algorithm = "conv.direct"; });
  refuses("no tile", [](Lir& l) { product(l).choice.tile = {}; });
  refuses("a tile of no rows", [](Lir& l) { product(l).choice.tile = {0, 1}; });
  refuses("an absurd tile", [](Lir& l) { product(l).choice.tile = {1 << 20, 1 << 20}; });
  refuses("an operand that lies otherwise than its reader needs", [](Lir& l) {
    for (Placed& p : l.placed) {
      if (l.graph[p.value].name == "w") p.storage = Storage::ordered({1, 0});
    }
  });
  refuses("a buffer too small for its value", [](Lir& l) { l.buffers.back().elements = 1; });
  refuses("a buffer of another type", [](Lir& l) { l.buffers[0].dtype = DType::kF64; });
  refuses("arguments of another kernel", [](Lir& l) { l.groups.back().args.pop_back(); });
  refuses("fusions that are missing", [](Lir& l) { l.fusions.clear(); });
  refuses("a fusion of nodes that do not follow each other",
          [](Lir& l) { l.fusions.push_back({NodeId(0), NodeId(0)}); });
  refuses("a storage that gives two elements one place",
          [](Lir& l) { l.placed[0].storage.dims[0].div = 2; });
}

TEST_CASE(
    "a stored plan with rows that are not exact wants the option, and weights in their form") {
  const Lir squares = plan_of(R"(graph "g" {
  %x = input "x" : f32[1, 64, 32, 32]
  %w = constant 0.5 : f32[64, 64, 3, 3]
  %c = conv(%x, %w) {pads = [1, 1, 1, 1]}
  output "y" = %c
})");
  auto formed = [](Lir& l) -> Placed& {
    auto p = std::ranges::find_if(
        l.placed, [](const Placed& q) { return q.storage.form != Form::kElements; });
    REQUIRE(p != l.placed.end());
    return *p;
  };
  CHECK(compiled_again(squares).ok());
  refuses("another level", [](Lir& l) { l.options = {{"math", "exact"}}; }, squares);
  refuses("elements", [&](Lir& l) { formed(l).storage.form = Form::kElements; }, squares);
  refuses(
      "another form",
      [&](Lir& l) {
        Placed& p = formed(l);
        p.storage.form = p.storage.form == Form::kWinograd2 ? Form::kWinograd4 : Form::kWinograd2;
        l.buffers[p.buffer].elements = storage_elements(p.storage, l.graph[p.value].type.shape);
      },
      squares);
  refuses(
      "an image that is transformed",
      [](Lir& l) {
        Placed& p = l.placed[0];
        p.storage.form = Form::kWinograd4;
        l.buffers[p.buffer].elements = storage_elements(p.storage, l.graph[p.value].type.shape);
      },
      squares);
}

}  // namespace rlx::test
