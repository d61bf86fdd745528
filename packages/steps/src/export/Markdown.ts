/** Parts of cards: text on one line, and tables. */

export const line = (text: string): string => text.replace(/\s+/g, " ")

/** What would end a cell. */
const cell = (text: string): string => line(text).replaceAll("|", String.raw`\|`)

export const table = (titles: ReadonlyArray<string>, rows: ReadonlyArray<ReadonlyArray<string>>): string =>
  [titles, titles.map(() => "---"), ...rows].map((cells) => `| ${cells.map(cell).join(" | ")} |`).join("\n")
