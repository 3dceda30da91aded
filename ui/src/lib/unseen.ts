/** What a person does not see though a model reads it, or what makes a text read other than it is. */

const EMOJI = String.raw`[\u00a9\u00ae\u203c\u2049\u2122\u2139\u2190-\u21ff\u2300-\u23ff\u24c2\u25a0-\u27bf\u2900-\u297f\u2b00-\u2bff\u3030\u303d\u3297\u3299\u{1f000}-\u{1faff}]`

// The same as UNSEEN in src/swarmstead/kernel/plain.py, which says why; tests/rooms/kernel/test_unseen.py holds them together.
const PATTERN = [
  String.raw`[\u0000-\u0008\u000b-\u001f\u007f-\u009f\ud800-\udfff`,
  String.raw`\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069`,
  String.raw`\u00ad\u034f\u115f\u1160\u17b4\u17b5\u200b-\u200d\u2060-\u2065\u206a-\u206f\u3164\ufeff\uffa0\ufff0-\ufffb`,
  String.raw`\u{13430}-\u{1345f}\u{1bca0}-\u{1bca3}\u{1d173}-\u{1d17a}`,
  String.raw`\u180b-\u180f\ufe00-\ufe0f`,
  String.raw`\u{e0000}-\u{e0fff}]`,
  String.raw`(?!(?<=\u000d)\u000a)`,
  String.raw`(?<!${EMOJI}[\ufe0e\ufe0f])(?!(?<=[#*0-9]\ufe0f)\u20e3)`,
  String.raw`(?!(?<=${EMOJI}\u200d)${EMOJI})(?!(?<=${EMOJI}\ufe0f\u200d)${EMOJI})`,
]

/** One such character. Emoji that are joined, or chosen as such, stay whole. */
// eslint-disable-next-line no-misleading-character-class -- a selector is looked for beside others, not on its base
export const UNSEEN = new RegExp(PATTERN.join(''), 'gu')
