// A visitor of std::variant made of lambdas, one for each type.

#pragma once

namespace tutti::train {

template <class... Cases>
struct Overload : Cases... {
  using Cases::operator()...;
};
template <class... Cases>
Overload(Cases...) -> Overload<Cases...>;

}  // namespace tutti::train
