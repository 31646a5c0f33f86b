// What a process runs: a callable with its arguments, and how they travel.
#pragma once

#include <shoal/codec.hpp>
#include <shoal/function.hpp>
#include <shoal/shippable.hpp>

#include <concepts>
#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <typeinfo>
#include <utility>

namespace shoal::detail {

/// A callable and its arguments, of forgotten types. Of one thread.
class Target {
 public:
  virtual ~Target();
  /// Once: consumes the arguments.
  virtual void run() = 0;
  /// Writes one tuple of the callable and the arguments. `part` is the one being written: 0 is
  /// the callable. Throws ProcessError where they cannot travel.
  virtual void encode(pickle::Encoder& encoder, std::size_t& part) const = 0;
  /// What makes such a target of that tuple in another process.
  [[nodiscard]] virtual EnterFunction entry() const noexcept = 0;
  /// The function or member function that is called, where it may be entered by its registered
  /// name; else {nullptr, 0}.
  [[nodiscard]] virtual FunctionValue function() const noexcept = 0;

 protected:
  Target() = default;
  Target(const Target&) = default;
  Target& operator=(const Target&) = default;
};

template <class F, class... Args>
concept Runnable = std::constructible_from<std::decay_t<F>, F> &&
                   (std::constructible_from<std::decay_t<Args>, Args> && ...) &&
                   std::invocable<std::decay_t<F>, std::decay_t<Args>...>;

void encode_function(pickle::Encoder& encoder, const void* address);
const void* decode_function(const Object& object);
void encode_member_function(pickle::Encoder& encoder, FunctionValue value);
void decode_member_function(const Object& object, void* value, std::size_t size);
/// The items of a tuple of `count`, else PickleError.
std::span<const Object> target_items(const Object& target, std::size_t count);
[[noreturn]] void throw_unshippable(std::size_t part, const std::type_info& type);

/// Empty types (captureless lambdas, std::plus<>) carry nothing but their type.
template <class T>
concept Stateless = std::is_class_v<T> && std::is_empty_v<T> && std::default_initializable<T>;

/// How a T is held in a Target, passed to the callable and sent.
template <class T>
struct Carrier {
  using Held = T;
  static constexpr bool kTravels = Stateless<T> || is_shippable_v<T>;
  static T&& pass(T& held) { return std::move(held); }
  static void encode(pickle::Encoder& encoder, const T& held) {
    if constexpr (Stateless<T>) encoder.none();
    else shoal::encode<T>(encoder, held);
  }
  static T decode(const Object& object) {
    if constexpr (Stateless<T>) return T{};
    else return shoal::decode<T>(object);
  }
};

template <class T>
  requires std::is_function_v<std::remove_pointer_t<T>>
struct Carrier<T> {
  using Held = T;
  static constexpr bool kTravels = true;
  static T pass(T held) { return held; }
  static void encode(pickle::Encoder& encoder, T held) {
    encode_function(encoder, reinterpret_cast<const void*>(held));
  }
  static T decode(const Object& object) {
    return reinterpret_cast<T>(const_cast<void*>(decode_function(object)));
  }
};

template <class T>
  requires std::is_member_function_pointer_v<T>
struct Carrier<T> {
  using Held = T;
  static constexpr bool kTravels = true;
  static T pass(T held) { return held; }
  static void encode(pickle::Encoder& encoder, T held) {
    encode_member_function(encoder, {&held, sizeof held});
  }
  static T decode(const Object& object) {
    T value{};
    decode_member_function(object, &value, sizeof value);
    return value;
  }
};

/// String literals: the text is copied when the Process is made.
template <>
struct Carrier<const char*> {
  using Held = std::optional<std::string>;
  static constexpr bool kTravels = true;
  static const char* pass(const Held& held) { return held ? held->c_str() : nullptr; }
  static void encode(pickle::Encoder& encoder, const Held& held) { shoal::encode(encoder, held); }
  static Held decode(const Object& object) { return shoal::decode<Held>(object); }
};

template <>
struct Carrier<std::string_view> {
  using Held = std::string;
  static constexpr bool kTravels = true;
  static std::string_view pass(const Held& held) { return held; }
  static void encode(pickle::Encoder& encoder, const Held& held) { shoal::encode(encoder, held); }
  static Held decode(const Object& object) { return shoal::decode<Held>(object); }
};

template <class T, class From>
typename Carrier<T>::Held hold(From&& from) {
  if constexpr (std::same_as<T, const char*>) {
    const char* const text = from;
    return text == nullptr ? std::nullopt : std::optional<std::string>(text);
  } else {
    return typename Carrier<T>::Held(std::forward<From>(from));
  }
}

template <class F, class... Args>
std::unique_ptr<Target> enter(const Object& target);

/// F is a member function of the first argument's own class, not of a base.
template <class F, class... Args>
inline constexpr bool kCallsOwnMember = false;
template <class R, class C, class... Args>
inline constexpr bool kCallsOwnMember<R C::*, C, Args...> = std::is_function_v<R>;

/// F and Args are decayed.
template <class F, class... Args>
class Call final : public Target {
 public:
  using Parts = std::tuple<typename Carrier<F>::Held, typename Carrier<Args>::Held...>;
  static constexpr bool kTravels = Carrier<F>::kTravels && (Carrier<Args>::kTravels && ...);

  explicit Call(Parts&& parts) : parts_(std::move(parts)) {}

  void run() override { run(std::index_sequence_for<Args...>()); }

  void encode(pickle::Encoder& encoder, std::size_t& part) const override {
    encode(encoder, part, std::index_sequence_for<F, Args...>());
  }

  [[nodiscard]] EnterFunction entry() const noexcept override {
    if constexpr (kTravels) return &enter<F, Args...>;
    else return nullptr;
  }

  [[nodiscard]] FunctionValue function() const noexcept override {
    if constexpr (std::is_pointer_v<F> || kCallsOwnMember<F, Args...>)
      return {&std::get<0>(parts_), sizeof(F)};
    else return {nullptr, 0};
  }

 private:
  template <std::size_t... I>
  void run(std::index_sequence<I...>) {
    static_cast<void>(std::invoke(Carrier<F>::pass(std::get<0>(parts_)),
                                  Carrier<Args>::pass(std::get<I + 1>(parts_))...));
  }

  template <std::size_t... I>
  void encode(pickle::Encoder& encoder, std::size_t& part, std::index_sequence<I...>) const {
    using Types = std::tuple<F, Args...>;
    encoder.begin_tuple();
    (encode_part<std::tuple_element_t<I, Types>>(encoder, part = I, std::get<I>(parts_)), ...);
    encoder.end_tuple();
  }

  template <class T>
  static void encode_part(pickle::Encoder& encoder, std::size_t part,
                          const typename Carrier<T>::Held& held) {
    if constexpr (Carrier<T>::kTravels) Carrier<T>::encode(encoder, held);
    else throw_unshippable(part, typeid(T));
  }

  Parts parts_;
};

/// The place where a target comes in: its address is what is sent.
template <class F, class... Args>
std::unique_ptr<Target> enter(const Object& target) {
  const std::span<const Object> items = target_items(target, 1 + sizeof...(Args));
  return [&]<std::size_t... I>(std::index_sequence<I...>) {
    using Parts = typename Call<F, Args...>::Parts;
    return std::make_unique<Call<F, Args...>>(
        Parts(Carrier<F>::decode(items[0]), Carrier<Args>::decode(items[I + 1])...));
  }(std::index_sequence_for<Args...>());
}

template <class F, class... Args>
std::unique_ptr<Target> make_target(F&& function, Args&&... args) {
  using Made = Call<std::decay_t<F>, std::decay_t<Args>...>;
  return std::make_unique<Made>(
      typename Made::Parts(hold<std::decay_t<F>>(std::forward<F>(function)),
                           hold<std::decay_t<Args>>(std::forward<Args>(args))...));
}

// A registered function is entered with the types of its own parameters, whatever was sent;
// nullptr where they cannot travel: then only its address has a name.
template <class F, class... Args>
constexpr EnterFunction enter_if_travels() noexcept {
  if constexpr (Call<F, Args...>::kTravels) return &enter<F, Args...>;
  else return nullptr;
}

template <class R, class... Args>
constexpr EnterFunction enter_with_parameters(R (*)(Args...)) noexcept {
  return enter_if_travels<R (*)(Args...), std::decay_t<Args>...>();
}
template <class R, class... Args>
constexpr EnterFunction enter_with_parameters(R (*)(Args...) noexcept) noexcept {
  return enter_if_travels<R (*)(Args...) noexcept, std::decay_t<Args>...>();
}
template <class R, class C, class... Args>
constexpr EnterFunction enter_with_parameters(R (C::*)(Args...)) noexcept {
  return enter_if_travels<R (C::*)(Args...), C, std::decay_t<Args>...>();
}
template <class R, class C, class... Args>
constexpr EnterFunction enter_with_parameters(R (C::*)(Args...) const) noexcept {
  return enter_if_travels<R (C::*)(Args...) const, C, std::decay_t<Args>...>();
}
template <class R, class C, class... Args>
constexpr EnterFunction enter_with_parameters(R (C::*)(Args...) noexcept) noexcept {
  return enter_if_travels<R (C::*)(Args...) noexcept, C, std::decay_t<Args>...>();
}
template <class R, class C, class... Args>
constexpr EnterFunction enter_with_parameters(R (C::*)(Args...) const noexcept) noexcept {
  return enter_if_travels<R (C::*)(Args...) const noexcept, C, std::decay_t<Args>...>();
}

template <class F>
EnterFunction enter_registered() noexcept {
  return enter_with_parameters(F{});
}

}  // namespace shoal::detail
