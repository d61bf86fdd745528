/** A small corpus with a label, a label set and a number for its texts, all of which follow from the words. */
import * as Dataset from "@thaw/core/Dataset"
import * as Head from "@thaw/models/Head"
import type * as Train from "@thaw/steps/Train"

const words = ["awful", "poor", "fine", "good", "great"]
const nouns = { animal: ["cat", "dog", "horse"], tool: ["saw", "drill", "wrench"] }

/** `topic` on every row; `stars`, 10 to 50, and `emotions`, none to two, on most. */
export const rows = (count: number, prefix: string): ReadonlyArray<Dataset.Example> =>
  Array.from({ length: count }, (_, at) => {
    const topic = at % 2 === 0 ? "animal" : "tool"
    const stars = (at * 3) % 5
    const emotions = [...(at % 3 === 0 ? ["joy"] : []), ...(at % 4 < 2 ? ["love"] : [])]
    const feelings = [...(at % 3 === 0 ? ["joyful"] : []), ...(at % 4 < 2 ? ["loving"] : [])]
    const id = `${prefix}${at}`
    const said = ["a", words[stars], nouns[topic][Math.floor(at / 2) % 3], ...feelings, "number", id]
    return {
      id,
      origin: id,
      text: said.join(" "),
      labels: { topic },
      tags: {},
      labelSets: at % 11 === 5 ? {} : { emotions },
      scores: at % 7 === 3 ? {} : { stars: 10 * (stars + 1) },
    }
  })

const columns: Dataset.Tasks = { labels: ["topic"], tags: [], labelSets: ["emotions"], scores: ["stars"] }

export const parts = (train: number, heldOut: number) =>
  Dataset.parts(Dataset.examples([], columns), {
    train: rows(train, "t"),
    validation: rows(heldOut, "h"),
    test: rows(heldOut, "h"),
  })

export const heads = {
  topic: Head.classification({ pooling: "mean" }),
  emotions: Head.multiLabel({ pooling: "mean" }),
  stars: Head.regression({ pooling: "mean" }),
}

/** A task of every kind on one dataset. */
export const tasks = ({ train, validation }: ReturnType<typeof parts>) =>
  ({
    topic: { head: heads.topic, train, validation },
    emotions: { head: heads.emotions, train, validation },
    stars: { head: heads.stars, train, validation },
  }) satisfies Readonly<Record<string, Train.Task>>
