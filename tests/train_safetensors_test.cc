// Tests examples/train/checkpoint: safetensors, and the types of their numbers.
//
// ROOMS: train
// TIER: fast

#include <cmath>
#include <limits>

#include "expect_failure.h"
#include "scratch_folder.h"
#include "train/checkpoint/safetensors.h"

namespace tutti::train {
namespace {

std::string as_text(std::span<const std::byte> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

// A file of that header and data.
std::string file_of(const std::string& header, const std::string& data) {
  return as_bytes_of(std::uint64_t{header.size()}) + header + data;
}

class Safetensors : public testing::Test {
 protected:
  SafetensorsFile open(const std::string& header, const std::string& data) const {
    return SafetensorsFile(folder_.file("x.safetensors", file_of(header, data)));
  }
  // Without the folder's name.
  std::string refusal(const std::string& header, const std::string& data) const {
    return failure_of([&] { open(header, data); }).substr(folder_.path().size() + 1);
  }
  const ScratchFolder folder_;
};

TEST_F(Safetensors, AreReadAsTheyWereWritten) {
  std::vector<StoredTensor> tensors = {{"b", Element::kF32, {2, 3}},
                                       {"scalar", Element::kF64, {}},
                                       {"a", Element::kBf16, {5}},
                                       {"none", Element::kF16, {0, 4}}};
  const std::map<std::string, std::string> metadata = {{"format", "pt"}, {"\"q\"", "\n"}};
  const std::string header = safetensors_header(tensors, metadata);
  EXPECT_EQ(header.size() % 64, 0u);
  EXPECT_EQ(tensors.back().end, 6u * 4 + 8 + 5 * 2);
  const std::string data = std::string(24, 'b') + std::string(8, 's') + std::string(10, 'a');
  const SafetensorsFile file(folder_.file("x.safetensors", header + data));
  EXPECT_EQ(file.tensors(), tensors);
  EXPECT_EQ(file.metadata(), metadata);
  EXPECT_EQ(as_text(file.bytes(tensors[0])), std::string(24, 'b'));
  EXPECT_EQ(as_text(file.bytes(tensors[2])), std::string(10, 'a'));
}

// The bytes of the format's description: little-endian length, JSON, data.
TEST_F(Safetensors, OfAnotherWriter) {
  const SafetensorsFile file = open(
      R"({"x":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"__metadata__":{"a":"b"}})", "1234");
  EXPECT_EQ(file.tensors(), (std::vector<StoredTensor>{{"x", Element::kF32, {1}, 0, 4}}));
  EXPECT_EQ(file.metadata().at("a"), "b");
  EXPECT_TRUE(open("{}", "").tensors().empty());
}

TEST_F(Safetensors, HeadersThatCannotBeAreRefused) {
  const auto refused = [&](const std::string& bytes) {
    const std::string path = folder_.file("x.safetensors", bytes);
    return failure_of([&] { SafetensorsFile file(path); }).substr(folder_.path().size() + 1);
  };
  EXPECT_EQ(refused("1234"), "x.safetensors: 4 bytes; expected safetensors, which has 8 or more");
  EXPECT_EQ(refused(as_bytes_of(std::uint64_t{100}) + "{}"),
            "x.safetensors: at byte 0: a header of 100 bytes; expected at most 2");
  EXPECT_EQ(refused(as_bytes_of(~std::uint64_t{0}) + "{}"),
            "x.safetensors: at byte 0: a header of 18446744073709551615 bytes; expected at most 2");
  EXPECT_EQ(refused(file_of("{\"a\" 1}", "")),
            "x.safetensors: at byte 14: expected JSON, the header of safetensors");
  EXPECT_EQ(refused(file_of("[]", "")), "x.safetensors: the header is no JSON object");
  std::filesystem::resize_file(folder_.file("x.safetensors", as_bytes_of(std::uint64_t{100000001})),
                               200'000'000);
  EXPECT_EQ(failure_of([&] { SafetensorsFile file(folder_ / "x.safetensors"); }),
            folder_ /
                "x.safetensors: at byte 0: a header of 100000001 bytes; expected at most "
                "100000000");
}

TEST_F(Safetensors, TensorsThatCannotBeAreRefused) {
  const auto tensor = [](const std::string& type, const std::string& shape,
                         const std::string& offsets) {
    return R"({"dtype":)" + type + R"(,"shape":)" + shape + R"(,"data_offsets":)" + offsets + "}";
  };
  const auto refused = [&](const std::string& one) {
    return refusal(R"({"a":)" + one + "}", "12345678");
  };
  EXPECT_EQ(refused(tensor(R"("I8")", "[8]", "[0,8]")),
            "x.safetensors: a: dtype is \"I8\"; expected F64, F32, BF16 or F16");
  EXPECT_EQ(refused(tensor(R"("F32")", "[3]", "[0,8]")),
            "x.safetensors: a: 8 bytes; expected as many as F32 of its shape have");
  EXPECT_EQ(refused(tensor(R"("F32")", "[4611686018427387904,4]", "[0,8]")),
            "x.safetensors: a: 8 bytes; expected as many as F32 of its shape have");
  EXPECT_EQ(refused(tensor(R"("F32")", "[-2]", "[0,8]")),
            "x.safetensors: a: shape has -2; expected whole numbers");
  EXPECT_EQ(refused(tensor(R"("F32")", "2", "[0,8]")),
            "x.safetensors: a: shape is 2; expected a list");
  EXPECT_EQ(refused(tensor(R"("F32")", "[2]", "[0]")),
            "x.safetensors: a: data_offsets are [0]; expected [begin, end]");
  EXPECT_EQ(refused(tensor(R"("F32")", "[3]", "[0,12]")),
            "x.safetensors: a: data_offsets are [0, 12]; expected them in order, up to 8, the size "
            "of the data");
  EXPECT_EQ(refused(tensor(R"("F32")", "[1]", "[8,4]")),
            "x.safetensors: a: data_offsets are [8, 4]; expected them in order, up to 8, the size "
            "of the data");
  EXPECT_EQ(refused("3"),
            "x.safetensors: a: expected an object with dtype, shape and data_offsets");
}

TEST_F(Safetensors, DataIsCoveredOnce) {
  const auto two = [&](const char* first, const char* second, const char* second_name = "b") {
    return refusal(std::string(R"({"a":{"dtype":"F32","shape":[1],"data_offsets":)") + first +
                       R"(},")" + second_name + R"(":{"dtype":"F32","shape":[1],"data_offsets":)" +
                       second + "}}",
                   "123456789012");
  };
  EXPECT_EQ(two("[0,4]", "[2,6]"),
            "x.safetensors: b: data_offsets begin at 2; expected 4, where the tensor before it "
            "ends");
  EXPECT_EQ(two("[0,4]", "[8,12]"),
            "x.safetensors: b: data_offsets begin at 8; expected 4, where the tensor before it "
            "ends");
  EXPECT_EQ(two("[0,4]", "[4,8]"),
            "x.safetensors: the tensors end at byte 8 of the data; expected 12, its size");
  EXPECT_EQ(two("[0,4]", "[4,8]", "a"), "x.safetensors: a: is there twice; expected once");
}

// ---- Numbers

template <class T>
T through(Element element, T value) {
  std::vector<std::byte> bytes(static_cast<std::size_t>(bytes_of(element)));
  encode(element, std::span<const T>(&value, 1), std::span(bytes));
  T back;
  decode(element, bytes, std::span(&back, 1));
  return back;
}

TEST(Elements, WideOnesKeepEveryBit) {
  EXPECT_EQ(through(Element::kF64, 0.1), 0.1);
  EXPECT_EQ(through(Element::kF32, 0.1f), 0.1f);
  EXPECT_EQ(through(Element::kF64, 0.1f), 0.1f);
  EXPECT_EQ(through(Element::kF32, 0.1), static_cast<double>(0.1f));
}

// All 65,536 numbers of 16 bits, there and back.
TEST(Elements, NarrowOnesAreReadAndWrittenAlike) {
  for (const Element element : {Element::kBf16, Element::kF16}) {
    for (int bits = 0; bits < 65536; ++bits) {
      const std::string stored = as_bytes_of(static_cast<std::uint16_t>(bits));
      const auto bytes = std::as_bytes(std::span(stored));
      float value;
      decode(element, bytes, std::span(&value, 1));
      if (std::isnan(value)) {
        EXPECT_TRUE(std::isnan(through(element, value)));
        continue;
      }
      std::string again(2, '\0');
      encode(element, std::span<const float>(&value, 1), std::as_writable_bytes(std::span(again)));
      ASSERT_EQ(again, stored) << bits;
    }
  }
}

TEST(Elements, NarrowOnesRoundToEven) {
  EXPECT_EQ(through(Element::kF16, 1.0f + 0x1p-11f), 1.0f);
  EXPECT_EQ(through(Element::kF16, 1.0f + 3 * 0x1p-11f), 1.0f + 2 * 0x1p-10f);
  EXPECT_EQ(through(Element::kF16, 65519.0f), 65504.0f);
  EXPECT_EQ(through(Element::kF16, 65520.0f), std::numeric_limits<float>::infinity());
  EXPECT_EQ(through(Element::kF16, 0x1p-24f), 0x1p-24f);
  EXPECT_EQ(through(Element::kF16, 0x1p-25f), 0.0f);
  EXPECT_EQ(through(Element::kF16, -0x1.8p-25f), -0x1p-24f);
  EXPECT_EQ(through(Element::kF16, 0x1.ffcp-15f + 0x1p-25f), 0x1p-14f);
  EXPECT_EQ(through(Element::kBf16, 1.0f + 0x1p-8f), 1.0f);
  EXPECT_EQ(through(Element::kBf16, 1.0f + 3 * 0x1p-8f), 1.0f + 2 * 0x1p-7f);
  EXPECT_EQ(through(Element::kBf16, 3.4e38f), std::numeric_limits<float>::infinity());
  EXPECT_TRUE(std::isnan(through(Element::kBf16, std::numeric_limits<float>::quiet_NaN())));
}

}  // namespace
}  // namespace tutti::train
