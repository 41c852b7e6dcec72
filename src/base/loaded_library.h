// Functions of a library that is loaded at run time, where it is there.
//
//   LoadedLibrary library("libm.so.6");
//   library.find("cos", api.cos);
//   if (!library.problem().empty()) …   // not there, or without cos
//
// Libraries are never unloaded: they may have threads, signal handlers, and pointers in our tables.
// Tested by loaded_library_test.cc.

#pragma once

#include <string>

namespace tutti {

class LoadedLibrary {
 public:
  /// `file` as dlopen() takes it. Its symbols stay hidden from other libraries.
  explicit LoadedLibrary(const char* file);

  /// Sets `function`, a pointer to the function's type; null, and a problem, where it is missing.
  /// Also looks in what the library itself loads.
  template <class Function>
  void find(const char* name, Function*& function) {
    find_if_there(name, function);
    if (function == nullptr && problem_.empty()) problem_ = std::string("it has no ") + name;
  }

  /// The same where older or newer versions may lack it.
  template <class Function>
  void find_if_there(const char* name, Function*& function) const {
    function = reinterpret_cast<Function*>(address_of(name));
  }

  /// Why it cannot be used: what the loader says, or the first function that is missing. "": it
  /// can.
  const std::string& problem() const { return problem_; }

 private:
  void* address_of(const char* name) const;

  void* handle_ = nullptr;
  std::string problem_;
};

}  // namespace tutti
