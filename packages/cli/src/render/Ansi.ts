/** Colours and widths of text on a terminal, by plain ANSI sequences (ECMA-48). */
import { stripVTControlCharacters } from "node:util"

type Ink = (text: string) => string

/** What may be said with colour; `plain` leaves text as it is. */
export interface Palette {
  readonly bold: Ink
  readonly dim: Ink
  readonly good: Ink
  readonly bad: Ink
  readonly warn: Ink
  readonly accent: Ink
}

const sgr =
  (open: number, close: number): Ink =>
  (text) =>
    text === "" ? "" : `\x1b[${open}m${text}\x1b[${close}m`

export const colours: Palette = {
  bold: sgr(1, 22),
  dim: sgr(2, 22),
  good: sgr(32, 39),
  bad: sgr(31, 39),
  warn: sgr(33, 39),
  accent: sgr(36, 39),
}

const as: Ink = (text) => text
export const plain: Palette = { bold: as, dim: as, good: as, bad: as, warn: as, accent: as }

/** Colours where a person looks and has not asked for none (https://no-color.org). */
export const paletteOf = (
  stream: { readonly isTTY?: boolean },
  environment: Readonly<Record<string, string | undefined>> = process.env,
): Palette =>
  stream.isTTY === true && (environment["NO_COLOR"] ?? "") === "" && environment["TERM"] !== "dumb" ? colours : plain

/** Columns a text takes: sequences none, East Asian wide characters and emoji two. */
export const width = (text: string): number => {
  let columns = 0
  for (const character of stripVTControlCharacters(text)) columns += columnsOf(character)
  return columns
}

const wide =
  /[\u1100-\u115f\u2e80-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6]|\p{Emoji_Presentation}/u
const without = /[\p{Mn}\p{Me}\p{Cf}]/u

const columnsOf = (character: string): number =>
  character < "\u0300" ? 1 : without.test(character) ? 0 : wide.test(character) ? 2 : 1

/** The text cut to at most `columns`, with `…` where something is missing. Sequences survive. */
export const cut = (text: string, columns: number): string => {
  if (width(text) <= columns) return text
  let left = Math.max(0, columns - 1)
  let shown = ""
  // oxlint-disable-next-line no-control-regex -- escape sequences are control characters
  for (const part of text.match(/\x1b\[[0-9;]*m|./gsu) ?? []) {
    if (part.startsWith("\x1b")) {
      shown += part
      continue
    }
    left -= columnsOf(part)
    if (left < 0) break
    shown += part
  }
  return `${shown}…${text.includes("\x1b") ? "\x1b[0m" : ""}`
}

/** Text from data on one line: control characters, which could steer the terminal, become dots. */
export const tame = (text: string): string => text.replaceAll(/\p{Cc}/gu, "·")

export const padEnd = (text: string, columns: number): string => text + " ".repeat(Math.max(0, columns - width(text)))
export const padStart = (text: string, columns: number): string => " ".repeat(Math.max(0, columns - width(text))) + text
