import './app.css'
import { QueryClientProvider } from '@tanstack/react-query'
import { RouterProvider } from '@tanstack/react-router'
import { StrictMode } from 'react'
import { createRoot } from 'react-dom/client'
import { queryClient } from './api/query-client'
import { router } from './router'

const place = document.getElementById('root')
if (!place) throw new Error('index.html has no #root')

// The document says what it is from its first byte on. It is replaced by a page, never by nothing: the code and the session
// of the first page come before the first drawing.
void router.load().finally(() =>
  createRoot(place).render(
    <StrictMode>
      <QueryClientProvider client={queryClient}>
        <RouterProvider router={router} />
      </QueryClientProvider>
    </StrictMode>,
  ),
)
