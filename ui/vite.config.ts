import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import tailwindcss from '@tailwindcss/vite'
import react from '@vitejs/plugin-react'
import type { Plugin } from 'vite'
import { defineConfig } from 'vitest/config'

const here = (path: string) => fileURLToPath(new URL(path, import.meta.url))

// Where `npm run dev` finds the API: the fake server by default, a real one with STEAD_API.
const api = process.env['STEAD_API'] ?? 'http://127.0.0.1:8799'

/** The fonts' licence asks to travel with them; they come in by CSS, which the bundler's own list of licences leaves out. */
const fontLicences: Plugin = {
  name: 'font-licences',
  generateBundle() {
    const texts = ['inter', 'jetbrains-mono'].map((font) => readFileSync(here(`./node_modules/@fontsource-variable/${font}/LICENSE`), 'utf8'))
    this.emitFile({ type: 'asset', fileName: 'licences-fonts.txt', source: texts.join('\n') })
  },
}

export default defineConfig({
  base: '/',
  plugins: [react(), tailwindcss(), fontLicences],
  resolve: { alias: { '@': here('./src') } },
  build: {
    outDir: here('../src/swarmstead/doors/ui/assets'),
    emptyOutDir: true,
    // light-dark() is left to the browser, so one set of variables holds both themes.
    target: ['chrome123', 'firefox121', 'safari17.5'],
    // data: URIs would need an opening in the content security policy.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    sourcemap: false,
    license: { fileName: 'licences.md' },
  },
  server: { host: '127.0.0.1', port: 5173, strictPort: true, proxy: { '/api': api, '/readyz': api } },
  test: { environment: 'node', include: ['src/**/*.test.ts', 'src/**/*.test.tsx'] },
})
