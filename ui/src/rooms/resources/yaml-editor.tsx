import { autocompletion, completionKeymap, type Completion, type CompletionContext, type CompletionResult } from '@codemirror/autocomplete'
import { defaultKeymap, history, historyKeymap } from '@codemirror/commands'
import { yaml } from '@codemirror/lang-yaml'
import { bracketMatching, foldGutter, foldKeymap, HighlightStyle, indentOnInput, syntaxHighlighting } from '@codemirror/language'
import { lintGutter, setDiagnostics, type Diagnostic } from '@codemirror/lint'
import { highlightSelectionMatches, searchKeymap } from '@codemirror/search'
import { EditorState } from '@codemirror/state'
import { EditorView, highlightActiveLine, keymap, lineNumbers } from '@codemirror/view'
import { tags } from '@lezer/highlight'
import { useEffect, useEffectEvent, useRef } from 'react'
import type { ApplyProblem, JsonObject } from '@/api/types'
import { fieldsOf, schemaAt, type SchemaField } from './schema'
import { placeOf, type YamlPlace } from './yaml-path'

export interface YamlEditorProps {
  label: string
  value: string
  readOnly?: boolean
  problems: readonly ApplyProblem[]
  /** The schema of a kind, if it has been read. */
  schemaFor: (kind: string | null) => JsonObject | undefined
  onChange: (text: string) => void
  /** Where the cursor stands now. */
  onPlace: (place: YamlPlace) => void
  /** Mod-Enter. */
  onSubmit: () => void
}

// Weight and grey, no colour: in this screen a colour means a state.
const highlight = HighlightStyle.define([
  { tag: [tags.propertyName, tags.definition(tags.propertyName)], color: 'var(--fg)', fontWeight: '600' },
  { tag: tags.comment, color: 'var(--mute)', fontStyle: 'italic' },
  { tag: [tags.string, tags.content, tags.literal], color: 'var(--soft)' },
  { tag: [tags.punctuation, tags.separator, tags.meta], color: 'var(--mute)' },
])

const theme = EditorView.theme({
  '&': { height: '100%', fontSize: '0.75rem', color: 'var(--fg)', backgroundColor: 'var(--bg)' },
  '&.cm-focused': { outline: '2px solid var(--fg)', outlineOffset: '-2px' },
  '.cm-scroller': { fontFamily: 'var(--font-mono)', fontVariantLigatures: 'none', lineHeight: '1.25rem' },
  '.cm-content': { padding: '8px 0', caretColor: 'var(--fg)' },
  '.cm-cursor': { borderLeftColor: 'var(--fg)' },
  '.cm-gutters': { backgroundColor: 'var(--bg)', color: 'var(--mute)', border: 'none' },
  '.cm-activeLine, .cm-activeLineGutter': { backgroundColor: 'color-mix(in srgb, var(--hover) 70%, transparent)' },
  '.cm-selectionBackground, &.cm-focused > .cm-scroller > .cm-selectionLayer .cm-selectionBackground': {
    backgroundColor: 'color-mix(in srgb, var(--running) 28%, transparent)',
  },
  '.cm-tooltip': { backgroundColor: 'var(--float)', color: 'var(--fg)', border: 'none', borderRadius: '6px', boxShadow: 'var(--float-shadow)', overflow: 'hidden' },
  '.cm-tooltip-autocomplete > ul': { fontFamily: 'var(--font-mono)', maxHeight: '16rem' },
  '.cm-tooltip-autocomplete > ul > li': { padding: '3px 8px' },
  '.cm-tooltip-autocomplete > ul > li[aria-selected]': { backgroundColor: 'var(--selected)', color: 'var(--fg)' },
  '.cm-completionDetail': { color: 'var(--mute)', fontStyle: 'normal', marginLeft: '12px' },
  '.cm-completionInfo': { padding: '6px 10px', maxWidth: '22rem', fontFamily: 'var(--font-sans)' },
  '.cm-panels': { backgroundColor: 'var(--panel)', color: 'var(--fg)', borderColor: 'var(--line)' },
  '.cm-panel input, .cm-panel button': { font: 'inherit', backgroundImage: 'none', backgroundColor: 'var(--bg)', color: 'var(--fg)', border: '1px solid var(--edge)', borderRadius: '4px' },
  '.cm-foldPlaceholder': { backgroundColor: 'var(--hover)', color: 'var(--soft)', border: 'none' },
  '.cm-diagnostic-error': { borderLeftColor: 'var(--failed)' },
})

/** YAML with the schema at hand: completes fields and values, marks what the server refused. Tab leaves the editor. */
export default function YamlEditor(props: YamlEditorProps) {
  const { label, value, readOnly, problems } = props
  const place = useRef<HTMLDivElement>(null)
  const view = useRef<EditorView | null>(null)
  const changed = useEffectEvent((text: string) => props.onChange(text))
  const moved = useEffectEvent((state: EditorState) => props.onPlace(placeIn(state)))
  const submitted = useEffectEvent(() => props.onSubmit())
  const complete = useEffectEvent((context: CompletionContext) => completions(context, props.schemaFor))
  const first = useEffectEvent(() => value)

  useEffect(() => {
    const parent = place.current
    if (!parent) return undefined
    const editor = new EditorView({
      parent,
      state: EditorState.create({
        doc: first(),
        extensions: [
          keymap.of([{ key: 'Mod-Enter', run: () => (submitted(), true) }]),
          lineNumbers(),
          foldGutter(),
          lintGutter(),
          history(),
          indentOnInput(),
          bracketMatching(),
          highlightActiveLine(),
          highlightSelectionMatches(),
          yaml(),
          syntaxHighlighting(highlight),
          autocompletion({ override: [(context) => complete(context)], icons: false }),
          keymap.of([...defaultKeymap, ...historyKeymap, ...foldKeymap, ...searchKeymap, ...completionKeymap]),
          theme,
          EditorView.lineWrapping,
          EditorState.readOnly.of(readOnly ?? false),
          EditorView.contentAttributes.of({ 'aria-label': label }),
          EditorView.updateListener.of((update) => {
            if (update.docChanged) changed(update.state.doc.toString())
            if (update.docChanged || update.selectionSet) moved(update.state)
          }),
        ],
      }),
    })
    view.current = editor
    moved(editor.state)
    return () => editor.destroy()
  }, [label, readOnly])

  useEffect(() => {
    const editor = view.current
    if (editor && editor.state.doc.toString() !== value) {
      editor.dispatch({ changes: { from: 0, to: editor.state.doc.length, insert: value } })
    }
  }, [value])

  useEffect(() => {
    const editor = view.current
    if (editor) editor.dispatch(setDiagnostics(editor.state, problems.map((p) => diagnostic(editor.state, p))))
  }, [problems])

  return <div ref={place} className="h-full min-h-0 [--float-shadow:var(--shadow-float)]" data-own-keys />
}

function placeIn(state: EditorState): YamlPlace {
  const line = state.doc.lineAt(state.selection.main.head)
  return placeOf(state.doc.toString().split('\n'), line.number - 1, state.selection.main.head - line.from)
}

function diagnostic(state: EditorState, problem: ApplyProblem): Diagnostic {
  const line = state.doc.line(Math.min(Math.max(problem.line, 1), state.doc.lines))
  const from = Math.min(line.from + Math.max(problem.column - 1, 0), line.to)
  return { from, to: Math.max(from, line.to), severity: 'error', message: [problem.field, problem.message].filter(Boolean).join(': ') }
}

function completions(context: CompletionContext, schemaFor: YamlEditorProps['schemaFor']): CompletionResult | null {
  const line = context.state.doc.lineAt(context.pos)
  const before = line.text.slice(0, context.pos - line.from)
  const at = placeOf(context.state.doc.toString().split('\n'), line.number - 1, before.length)
  const schema = schemaFor(at.kind)
  if (!schema) return null
  const fields = fieldsOf(schema, schemaAt(schema, at.path))
  const value = /:\s+["']?([\w.-]*)$/.exec(before)?.[1]
  if (value !== undefined) return valuesFor(fields.find((f) => f.name === at.key), context.pos - value.length)
  const key = /^[\s-]*([\w.-]*)$/.exec(before)?.[1]
  if (key === undefined || (key === '' && !context.explicit)) return null
  return { from: context.pos - key.length, options: fields.map(keyOption) }
}

function valuesFor(field: SchemaField | undefined, from: number): CompletionResult | null {
  if (!field || field.values.length === 0) return null
  return { from, options: field.values.map((label) => ({ label })) }
}

function keyOption(field: SchemaField): Completion {
  const holds = field.type === 'mapping' || field.type.startsWith('list')
  return {
    label: field.name,
    apply: holds ? `${field.name}:` : `${field.name}: `,
    detail: field.required ? `${field.type}, required` : field.type,
    info: field.description,
    boost: field.required ? 1 : 0,
  }
}
