#include "train/checkpoint/safetensors.h"

#include <algorithm>
#include <cstring>
#include <nlohmann/json.hpp>
#include <set>

#include "train/failure.h"

namespace tutti::train {
namespace {

using Json = nlohmann::json;

constexpr std::uint64_t kMostHeader = 100'000'000;  // as in the reference implementation
constexpr const char* kMetadata = "__metadata__";

class HeaderReading {
 public:
  HeaderReading(const std::string& path, std::uint64_t data_bytes)
      : path_(path), data_bytes_(data_bytes) {}

  Json parse(std::string_view text) const {
    std::set<std::string> names;
    const auto check = [&](int depth, Json::parse_event_t event, Json& value) {
      const bool is_name = depth == 1 && event == Json::parse_event_t::key;
      if (is_name && !names.insert(value.get<std::string>()).second) {
        fail(value.get<std::string>(), "is there twice; expected once");
      }
      return true;
    };
    try {
      Json header = Json::parse(text, check);
      if (!header.is_object()) throw Failure(path_ + ": the header is no JSON object");
      return header;
    } catch (const Json::parse_error& error) {
      throw Failure(path_ + ": at byte " + std::to_string(8 + error.byte) +
                    ": expected JSON, the header of safetensors");
    }
  }

  StoredTensor tensor(const std::string& name, const Json& json) const {
    StoredTensor tensor;
    tensor.name = name;
    if (!json.is_object()) fail(name, "expected an object with dtype, shape and data_offsets");
    tensor.element = element(name, json.value("dtype", Json()));
    const Json shape = json.value("shape", Json());
    if (!shape.is_array()) fail(name, "shape is " + shape.dump() + "; expected a list");
    for (const Json& size : shape) {
      tensor.shape.push_back(static_cast<long>(whole(name, "shape", size)));
    }
    const Json offsets = json.value("data_offsets", Json());
    if (!offsets.is_array() || offsets.size() != 2) {
      fail(name, "data_offsets are " + offsets.dump() + "; expected [begin, end]");
    }
    tensor.begin = whole(name, "data_offsets", offsets[0]);
    tensor.end = whole(name, "data_offsets", offsets[1]);
    check_size(tensor);
    return tensor;
  }

  // REQUIRES: sorted by begin.
  void check_covered(const std::vector<StoredTensor>& tensors) const {
    std::uint64_t end = 0;
    for (const StoredTensor& tensor : tensors) {
      if (tensor.begin != end) {
        fail(tensor.name, "data_offsets begin at " + std::to_string(tensor.begin) + "; expected " +
                              std::to_string(end) + ", where the tensor before it ends");
      }
      end = tensor.end;
    }
    if (end != data_bytes_) {
      throw Failure(path_ + ": the tensors end at byte " + std::to_string(end) +
                    " of the data; expected " + std::to_string(data_bytes_) + ", its size");
    }
  }

  [[noreturn]] void fail(const std::string& name, const std::string& what) const {
    throw Failure(path_ + ": " + name + ": " + what);
  }

 private:
  Element element(const std::string& name, const Json& type) const {
    const auto element = type.is_string() ? element_named(type.get<std::string>()) : std::nullopt;
    if (!element) fail(name, "dtype is " + type.dump() + "; expected F64, F32, BF16 or F16");
    return *element;
  }

  std::uint64_t whole(const std::string& name, const char* field, const Json& value) const {
    constexpr std::uint64_t kMost = std::uint64_t{1} << 62;
    if (!value.is_number_unsigned() || value.get<std::uint64_t>() > kMost) {
      fail(name, std::string(field) + " has " + value.dump() + "; expected whole numbers");
    }
    return value.get<std::uint64_t>();
  }

  void check_size(const StoredTensor& tensor) const {
    if (tensor.begin > tensor.end || tensor.end > data_bytes_) {
      fail(tensor.name, "data_offsets are [" + std::to_string(tensor.begin) + ", " +
                            std::to_string(tensor.end) + "]; expected them in order, up to " +
                            std::to_string(data_bytes_) + ", the size of the data");
    }
    const std::uint64_t bytes = tensor.end - tensor.begin;
    if (size_of(tensor) != bytes) {
      fail(tensor.name, std::to_string(bytes) + " bytes; expected as many as " +
                            std::string(name(tensor.element)) + " of its shape have");
    }
  }

  // What its shape says; as good as without end where that is more than fits 64 bits.
  static std::uint64_t size_of(const StoredTensor& tensor) {
    constexpr unsigned __int128 kMost = ~std::uint64_t{0};
    auto size = static_cast<std::uint64_t>(bytes_of(tensor.element));
    for (const long extent : tensor.shape) {
      if (extent == 0) return 0;
      const auto factor = static_cast<unsigned __int128>(extent);
      size = static_cast<std::uint64_t>(std::min(size * factor, kMost));
    }
    return size;
  }

  const std::string& path_;
  const std::uint64_t data_bytes_;
};

std::uint64_t header_length(const MappedFile& file) {
  std::uint64_t length = 0;
  if (file.size() < sizeof length) {
    throw Failure(file.path() + ": " + std::to_string(file.size()) +
                  " bytes; expected safetensors, which has 8 or more");
  }
  std::memcpy(&length, file.bytes().data(), sizeof length);
  if (length > kMostHeader || length > file.size() - sizeof length) {
    throw Failure(file.path() + ": at byte 0: a header of " + std::to_string(length) +
                  " bytes; expected at most " +
                  std::to_string(std::min(kMostHeader, file.size() - sizeof length)));
  }
  return length;
}

}  // namespace

SafetensorsFile::SafetensorsFile(const std::string& path) : file_(path) {
  const std::uint64_t length = header_length(file_);
  data_ = sizeof length + length;
  const HeaderReading reading(path, file_.size() - data_);
  const Json header = reading.parse(file_.text().substr(sizeof length, length));
  for (const auto& [name, value] : header.items()) {
    if (name != kMetadata) {
      tensors_.push_back(reading.tensor(name, value));
      continue;
    }
    for (const auto& [key, text] : value.items()) {
      if (!text.is_string()) reading.fail(name, key + " is " + text.dump() + "; expected a text");
      metadata_[key] = text.get<std::string>();
    }
  }
  std::sort(tensors_.begin(), tensors_.end(), [](const StoredTensor& a, const StoredTensor& b) {
    return std::pair(a.begin, a.end) < std::pair(b.begin, b.end);
  });
  reading.check_covered(tensors_);
}

std::string safetensors_header(std::vector<StoredTensor>& tensors,
                               const std::map<std::string, std::string>& metadata) {
  nlohmann::ordered_json header;
  if (!metadata.empty()) header[kMetadata] = metadata;
  std::uint64_t end = 0;
  for (StoredTensor& tensor : tensors) {
    tensor.begin = end;
    std::uint64_t size = static_cast<std::uint64_t>(bytes_of(tensor.element));
    for (const long extent : tensor.shape) size *= static_cast<std::uint64_t>(extent);
    end = tensor.end = tensor.begin + size;
    header[tensor.name] = {{"dtype", name(tensor.element)},
                           {"shape", tensor.shape},
                           {"data_offsets", {tensor.begin, tensor.end}}};
  }
  std::string text = header.empty() ? "{}" : header.dump();
  constexpr std::size_t kAlignment = 64;
  text.resize((8 + text.size() + kAlignment - 1) / kAlignment * kAlignment - 8, ' ');
  const std::uint64_t length = text.size();
  std::string bytes(sizeof length, '\0');
  std::memcpy(bytes.data(), &length, sizeof length);
  return bytes + text;
}

}  // namespace tutti::train
