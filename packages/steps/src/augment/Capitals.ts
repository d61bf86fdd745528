/** Capitals of the word that is replaced, on the word that takes its place. */

export const like = (model: string, text: string): string => {
  const letters = model.replace(/\P{L}/gu, "")
  if (letters.length > 1 && letters === letters.toUpperCase() && letters !== letters.toLowerCase()) {
    return text.toUpperCase()
  }
  const [first = ""] = model
  return first === first.toLowerCase() ? text : capitalised(text)
}

/** By characters, not by code units. */
const capitalised = (text: string): string => {
  const [first = "", ...rest] = text
  return first.toUpperCase() + rest.join("")
}
