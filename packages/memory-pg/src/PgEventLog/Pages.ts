/**
 * Stored events kept for followers. Events never change, so they are kept in pages of `pageEvents`,
 * from the first event of a page on without gaps. When the text of all pages exceeds the limit, the
 * least recently used pages are dropped.
 */
import type * as ExecutionEvent from "@crewline/core/ExecutionEvent"

/** An event with the length of its text, which stands for its memory. */
export interface Sized {
  readonly event: ExecutionEvent.ExecutionEvent
  readonly length: number
}

/** The pages of one execution that are kept, by index. */
export type Book = Map<number, Page>

export interface Page {
  readonly book: Book
  readonly index: number
  readonly events: Array<ExecutionEvent.ExecutionEvent>
  /** Text of the events, in characters. */
  length: number
}

export const pageEvents = 128

/** The page that holds the event after `seq`. */
export const indexAfter = (seq: number): number => Math.floor(seq / pageEvents)

export interface Pages {
  /** The kept page, now the most recently used. */
  readonly find: (book: Book, index: number) => Page | undefined
  /** The kept page, or a new one that is kept from now on. */
  readonly open: (book: Book, index: number) => Page
  /** Adds the event to the page if it is the next one there. */
  readonly put: (page: Page, sized: Sized) => void
  readonly dropAll: (book: Book) => void
}

/** A page that is not kept, for a reader that nobody shares it with. */
export const loose = (book: Book, index: number): Page => ({ book, index, events: [], length: 0 })

/** Keeps at most `maxLength` characters, but always the page used last. */
export const make = (maxLength: number): Pages => {
  /** Of all books, the least recently used first. */
  const kept = new Set<Page>()
  let length = 0

  const touch = (page: Page) => {
    if (kept.delete(page)) kept.add(page)
  }

  const drop = (page: Page) => {
    if (!kept.delete(page)) return
    length -= page.length
    page.book.delete(page.index)
  }

  return {
    find: (book, index) => {
      const page = book.get(index)
      if (page !== undefined) touch(page)
      return page
    },
    open: (book, index) => {
      const known = book.get(index)
      if (known !== undefined) return known
      const page = loose(book, index)
      book.set(index, page)
      kept.add(page)
      return page
    },
    put: (page, sized) => {
      if (sized.event.seq !== page.index * pageEvents + page.events.length + 1) return
      page.events.push(sized.event)
      page.length += sized.length
      // A page dropped while it was read still serves those who wait for it.
      if (!kept.has(page)) return
      length += sized.length
      touch(page)
      for (const oldest of kept) {
        if (length <= maxLength || oldest === page) break
        drop(oldest)
      }
    },
    dropAll: (book) => {
      for (const page of book.values()) drop(page)
    }
  }
}
