// The floor under the time of a step: a 1-width-1 tanh network, full batch, squared loss 1/(2n) sum_i (f(x_i) - y_i)^2,
// Adam, float32, inverted dropout behind the activation. One model at a time, whose numbers stay in the core's own cache.
// Nothing is general here: it shows what a step costs when nothing stands between the formulas and the processor.
//
//   floor train WIDTH SAMPLES WARM_UP STEPS LEARNING_RATE DROP_RATE KEY < IN > OUT 2> TIME
//     IN and OUT are native float32: IN first weights, first biases, second weights, second bias, inputs, targets;
//     OUT the weights and biases after all steps; TIME is the processor time of a step after the warm-up, in
//     microseconds. KEY is the 64-bit key of the masks.
//   floor tanh
//     prints the largest relative error of the tanh against double precision, over 1e-6 <= |x| <= 10.

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <string>
#include <vector>

namespace {

// A block is one register: with two, GCC 12 spills, and the step takes half as long again.
#if defined(__AVX512F__)
constexpr int lanes = 16;
#elif defined(__AVX__)
constexpr int lanes = 8;
#else
constexpr int lanes = 4;
#endif
typedef float Floats __attribute__((vector_size(lanes * sizeof(float))));
typedef int32_t Ints __attribute__((vector_size(lanes * sizeof(int32_t))));
typedef uint32_t Words __attribute__((vector_size(lanes * sizeof(uint32_t))));

inline Floats splat(float value) { return Floats{} + value; }

inline Floats square_root(Floats value) {
  for (int lane = 0; lane < lanes; ++lane) value[lane] = std::sqrt(value[lane]);
  return value;
}

inline float total(Floats value) {
  float sum = 0;
  for (int lane = 0; lane < lanes; ++lane) sum += value[lane];
  return sum;
}

// tanh(x) = x P(x^2) / Q(x^2) for |x| <= 8, degrees 6 and 3: the rational function of least relative error (1.8e-9), found
// by a weighted linear least-squares fit to (P / f - Q), f = tanh(x) / x, with weights moved to where the error is largest
// until it is level. What is left is rounding, about 3e-7. Beyond 8 the value at 8 is as near to 1.
inline Floats tanh_of(Floats x) {
  const Floats bound = splat(8.0f);
  x = x < -bound ? -bound : x;
  x = x > bound ? bound : x;
  const Floats u = x * x;
  Floats p = splat(-1.15644401e-13f);
  p = p * u + 6.36558723e-11f;
  p = p * u + -2.23147798e-8f;
  p = p * u + 1.16424737e-5f;
  p = p * u + 3.14936765e-3f;
  p = p * u + 0.131243524f;
  p = p * u + 0.999999998f;
  Floats q = splat(2.61297848e-4f);
  q = q * u + 0.0246750121f;
  q = q * u + 0.464576839f;
  q = q * u + 1.0f;
  return x * p / q;
}

// The masks of bench/train/dropout.py, bit for bit.
inline uint32_t mix(uint32_t word) {
  word ^= word >> 16;
  word *= 0x7FEB352Du;
  word ^= word >> 15;
  word *= 0x846CA68Bu;
  return word ^ (word >> 16);
}

inline Words mix(Words word) {
  word ^= word >> 16;
  word *= 0x7FEB352Du;
  word ^= word >> 15;
  word *= 0x846CA68Bu;
  return word ^ (word >> 16);
}

// Two subkeys for a step.
struct Keys {
  uint32_t first, second;

  Keys(uint64_t key, uint64_t step) {
    const uint32_t low = uint32_t(key), high = uint32_t(key >> 32);
    first = mix(mix(low ^ mix(uint32_t(step))) ^ high ^ uint32_t(step >> 32));
    second = mix(mix(high ^ first) ^ mix(uint32_t(step) + 0x9E3779B9u));
  }
};

// Inverted dropout: a unit is multiplied by 0 or by the scale.
struct Dropout {
  uint64_t key;
  int32_t threshold;
  float scale;

  Dropout(double rate, uint64_t key) : key(key), scale(float(1 / (1 - rate))) {
    const double words = std::min(std::nearbyint(rate * 4294967296.0), 4294967295.0);
    threshold = int32_t(int64_t(words) - 2147483648ll);
  }

  // True, as -1, for the elements that stay; elements are counted by sample and unit.
  Ints keep(const Keys& keys, uint32_t element) const {
    Words count;
    for (int lane = 0; lane < lanes; ++lane) count[lane] = uint32_t(lane);
    const Words words = mix(mix((count + element) ^ keys.first) + keys.second);
    Ints hash;
    std::memcpy(&hash, &words, sizeof hash);
    return hash >= threshold;
  }
};

// A vector of parameters with its moments, padded to whole blocks.
struct Parameters {
  std::vector<Floats> value, mean, square;

  explicit Parameters(int blocks) : value(blocks), mean(blocks), square(blocks) {}
};

// Adam with the numbers of one step, counted from 1.
struct Adam {
  static constexpr double beta1 = 0.9, beta2 = 0.999;
  float rate, correction;

  Adam(double learning_rate, int64_t step)
      : rate(float(learning_rate / (1 - std::pow(beta1, double(step))))), correction(float(1 / (1 - std::pow(beta2, double(step))))) {}

  void update(Parameters& parameters, int block, Floats grad) const {
    Floats& mean = parameters.mean[block];
    Floats& square = parameters.square[block];
    mean += float(1 - beta1) * (grad - mean);
    square += float(1 - beta2) * (grad * grad - square);
    parameters.value[block] -= rate * mean / (square_root(square * correction) + 1e-8f);
  }
};

class Network {
 public:
  Network(int width, int samples, double learning_rate, double drop_rate, uint64_t key)
      : width_(width), samples_(samples), blocks_((width + lanes - 1) / lanes), learning_rate_(learning_rate), drops_(drop_rate > 0), dropout_(drop_rate, key),
        first_(blocks_), first_bias_(blocks_), second_(blocks_), second_bias_(1), inputs_(samples), targets_(samples), errors_(samples),
        active_(size_t(samples) * blocks_) {}

  bool read(FILE* file) {
    return read(file, first_, width_) && read(file, first_bias_, width_) && read(file, second_, width_) && read(file, second_bias_, 1) &&
           std::fread(inputs_.data(), sizeof(float), samples_, file) == size_t(samples_) &&
           std::fread(targets_.data(), sizeof(float), samples_, file) == size_t(samples_);
  }

  bool write(FILE* file) const {
    return write(file, first_, width_) && write(file, first_bias_, width_) && write(file, second_, width_) && write(file, second_bias_, 1);
  }

  void step() {
    if (drops_) {
      forward<true>();
      backward<true>();
    } else {
      forward<false>();
      backward<false>();
    }
    ++steps_;
  }

 private:
  // What a dropped unit leaves behind in place of its activation: a number that is no tanh, so that the backward pass
  // need not draw the mask again.
  static constexpr float dropped = 2;

  template <bool drops>
  void forward() {
    const Keys keys(dropout_.key, uint64_t(steps_));
    for (int sample = 0; sample < samples_; ++sample) {
      const Floats x = splat(inputs_[sample]);
      Floats* kept = &active_[size_t(sample) * blocks_];
      Floats sum{};
      for (int block = 0; block < blocks_; ++block) {
        Floats active = tanh_of(first_.value[block] * x + first_bias_.value[block]);
        Floats out = active * second_.value[block];
        if (drops) {
          const Ints keep = dropout_.keep(keys, uint32_t(sample) * uint32_t(width_) + uint32_t(block) * lanes);
          out = keep ? out : splat(0);
          active = keep ? active : splat(dropped);
        }
        kept[block] = active;
        sum += out;
      }
      errors_[sample] = (total(sum) * dropout_.scale + second_bias_.value[0][0] - targets_[sample]) / float(samples_);
    }
  }

  // Each block of units has its gradient over all samples in registers, and is updated at once.
  template <bool drops>
  void backward() {
    const Adam adam(learning_rate_, steps_ + 1);
    for (int block = 0; block < blocks_; ++block) {
      Floats first{}, first_bias{}, second{};
      for (int sample = 0; sample < samples_; ++sample) {
        const Floats active = active_[size_t(sample) * blocks_ + block];
        Floats error = splat(errors_[sample]);
        if (drops) error = active < splat(dropped) ? error : splat(0);
        second += error * active;
        const Floats inner = error * (1 - active * active);
        first_bias += inner;
        first += inner * inputs_[sample];
      }
      const Floats weight = second_.value[block] * dropout_.scale;
      adam.update(first_, block, first * weight);
      adam.update(first_bias_, block, first_bias * weight);
      adam.update(second_, block, second * dropout_.scale);
    }
    Floats bias{};
    for (float error : errors_) bias[0] += error;
    adam.update(second_bias_, 0, bias);
  }

  static bool read(FILE* file, Parameters& parameters, int count) {
    return std::fread(parameters.value.data(), sizeof(float), count, file) == size_t(count);
  }

  static bool write(FILE* file, const Parameters& parameters, int count) {
    return std::fwrite(parameters.value.data(), sizeof(float), count, file) == size_t(count);
  }

  int width_, samples_, blocks_;
  double learning_rate_;
  bool drops_;
  Dropout dropout_;
  Parameters first_, first_bias_, second_, second_bias_;
  std::vector<float> inputs_, targets_, errors_;
  std::vector<Floats> active_;
  int64_t steps_ = 0;
};

double processor_seconds() {
  timespec now;
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
  return double(now.tv_sec) + 1e-9 * double(now.tv_nsec);
}

int train(char** words) {
  const int width = std::atoi(words[0]), samples = std::atoi(words[1]);
  const int64_t warm_up = std::atoll(words[2]), steps = std::atoll(words[3]);
  Network network(width, samples, std::atof(words[4]), std::atof(words[5]), std::strtoull(words[6], nullptr, 10));
  if (!network.read(stdin)) return std::fputs("the input is too short\n", stderr), 1;
  for (int64_t step = 0; step < warm_up; ++step) network.step();
  const double start = processor_seconds();
  for (int64_t step = 0; step < steps; ++step) network.step();
  const double seconds = processor_seconds() - start;
  if (!network.write(stdout)) return std::fputs("the output cannot be written\n", stderr), 1;
  std::fprintf(stderr, "%.6f\n", steps > 0 ? 1e6 * seconds / double(steps) : 0.0);
  return 0;
}

int check_tanh() {
  double worst = 0;
  const int count = 2'000'000;
  for (int start = 0; start < count; start += lanes) {
    Floats x;
    for (int lane = 0; lane < lanes; ++lane) {
      const float size = float(1e-6 * std::pow(1e7, double(start + lane) / count));
      x[lane] = (lane % 2 ? -1 : 1) * size;
    }
    const Floats found = tanh_of(x);
    for (int lane = 0; lane < lanes; ++lane) worst = std::max(worst, std::abs(double(found[lane]) / std::tanh(double(x[lane])) - 1));
  }
  std::printf("%.3e\n", worst);
  return 0;
}

}  // namespace

int main(int count, char** words) {
  if (count == 9 && std::string(words[1]) == "train") return train(words + 2);
  if (count == 2 && std::string(words[1]) == "tanh") return check_tanh();
  return std::fputs("usage: floor train WIDTH SAMPLES WARM_UP STEPS LEARNING_RATE DROP_RATE KEY | floor tanh\n", stderr), 2;
}
