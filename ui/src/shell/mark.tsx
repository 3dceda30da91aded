/** The product's mark: three agents that answer to one point. */
export function Mark({ className = 'size-4' }: { className?: string }) {
  return (
    <svg viewBox="0 0 16 16" className={className} fill="currentColor" aria-hidden>
      <circle cx="8" cy="2.6" r="1.9" />
      <circle cx="3" cy="12.6" r="1.9" />
      <circle cx="13" cy="12.6" r="1.9" />
      <path d="M7.3 4h1.4v4.1l3.4 2.5-.8 1.1L8 9.3l-3.3 2.4-.8-1.1 3.4-2.5z" />
    </svg>
  )
}
