/** How near two vectors are, in float64. */

export const dot = (a: Float32Array, b: Float32Array): number => {
  let sum = 0
  for (let at = 0; at < a.length; at++) sum += a[at]! * b[at]!
  return sum
}

/** Of length 1, as exact as float32 is; nothing stays nothing. */
export const direction = (a: Float32Array): Float32Array => {
  const length = Math.sqrt(dot(a, a))
  return length === 0 ? a : a.map((each) => each / length)
}

/** 0 where one of them is nothing. */
export const cosine = (a: Float32Array, b: Float32Array): number => {
  const lengths = Math.sqrt(dot(a, a)) * Math.sqrt(dot(b, b))
  return lengths === 0 ? 0 : dot(a, b) / lengths
}

const euclidean = (a: Float32Array, b: Float32Array): number => {
  let sum = 0
  for (let at = 0; at < a.length; at++) sum += (a[at]! - b[at]!) ** 2
  return Math.sqrt(sum)
}

/** As the triplet loss names them. */
export const distances = {
  cosine: (a: Float32Array, b: Float32Array): number => 1 - cosine(a, b),
  euclidean,
} as const
