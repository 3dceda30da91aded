import { fileURLToPath } from 'node:url'
import tailwindcss from '@tailwindcss/vite'
import react from '@vitejs/plugin-react'
import { defineConfig } from 'vitest/config'

const here = (path: string) => fileURLToPath(new URL(path, import.meta.url))

// Where `npm run dev` finds the API: the fake server by default, a real one with STEAD_API.
const api = process.env['STEAD_API'] ?? 'http://127.0.0.1:8799'

export default defineConfig({
  base: '/',
  plugins: [react(), tailwindcss()],
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
  },
  server: { host: '127.0.0.1', port: 5173, strictPort: true, proxy: { '/api': api, '/readyz': api } },
  test: { environment: 'node', include: ['src/**/*.test.ts', 'src/**/*.test.tsx'] },
})
