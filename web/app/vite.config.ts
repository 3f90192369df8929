import {
  convertCssVariables,
  DEFAULT_THEME,
  defaultCssVariablesResolver,
  mergeMantineTheme,
} from '@mantine/core'
import react from '@vitejs/plugin-react'
import { defineConfig, type Plugin } from 'vite'
import { VitePWA } from 'vite-plugin-pwa'
import { theme } from './src/theme.ts'

/** The theme's variables as a file: written into the page at run time they would break the Content-Security-Policy. */
function themeCss(): Plugin {
  const id = '\0theme.css'
  return {
    name: 'theme-css',
    resolveId: (source) => (source === 'virtual:theme.css' ? id : undefined),
    load: (source) =>
      source === id
        ? convertCssVariables(defaultCssVariablesResolver(mergeMantineTheme(DEFAULT_THEME, theme)), ':root')
        : undefined,
  }
}

export default defineConfig({
  build: { target: 'es2022', assetsInlineLimit: 0, modulePreload: { polyfill: false }, chunkSizeWarningLimit: 900 },
  worker: { format: 'es' },
  server: { proxy: { '/api': 'http://127.0.0.1:8420' } },
  plugins: [
    themeCss(),
    react(),
    VitePWA({
      strategies: 'injectManifest',
      srcDir: 'src',
      filename: 'sw.ts',
      injectRegister: null,
      injectManifest: { globPatterns: ['**/*.{js,css,html,svg,png,wasm}'], maximumFileSizeToCacheInBytes: 4_000_000 },
      manifest: {
        name: 'Sitewright',
        short_name: 'Sitewright',
        display: 'standalone',
        orientation: 'any',
        start_url: '/',
        background_color: '#ffffff',
        theme_color: '#0d2b3e',
        icons: [
          { src: '/icon-192.png', sizes: '192x192', type: 'image/png' },
          { src: '/icon-512.png', sizes: '512x512', type: 'image/png', purpose: 'any maskable' },
        ],
      },
    }),
  ],
})
