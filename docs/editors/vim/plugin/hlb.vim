" HLB in Vim, with the plugin ALE as its client. Copy the directory above to ~/.vim/pack/hlb/start/hlb.
"
" It starts the language server for files ending in .hlb: mistakes are shown while typing, CTRL-X CTRL-O completes, K tells
" what is under the cursor, gd goes to its definition, :ALERename renames it, :ALEFindReferences finds its uses and
" :ALECodeAction lists what can be done. :HlbRun [TARGET [ARGUMENTS]], :HlbTest [NAME] and :HlbWhy run hlbc in a terminal;
" :HlbLens [run|test|why] does what a lens of the line, which ALE does not show, says.
"
" g:hlb_server is the command of the server, g:hlbc that of hlbc, g:hlb_settings the settings of the server.

if exists('g:loaded_hlb')
  finish
endif
let g:loaded_hlb = 1
let g:hlbc = get(g:, 'hlbc', 'hlbc')
let g:hlb_server = get(g:, 'hlb_server', executable('hlb-lsp') ? 'hlb-lsp' : g:hlbc . ' lsp')

" The nearest directory at or above a file with one of the markers, for which a server is started. What has none, such as
" the standard library, is for the server that was started last.
function! HlbRoot(buffer) abort
  let l:own = fnamemodify(bufname(a:buffer), ':p:h')
  let l:dir = l:own
  while 1
    for l:marker in ['hlb.lock', 'build.hlb', '.git']
      if !empty(glob(l:dir . '/' . l:marker))
        let s:last = l:dir
        return l:dir
      endif
    endfor
    let l:above = fnamemodify(l:dir, ':h')
    if l:above ==# l:dir
      return get(s:, 'last', l:own)
    endif
    let l:dir = l:above
  endwhile
endfunction

" Runs hlbc in a terminal below; the cursor stays where it is. The number of its buffer.
function! HlbTerminal(words) abort
  let l:window = win_getid()
  let l:buffer = term_start([g:hlbc] + a:words, {'term_rows': 12, 'term_name': 'hlbc ' . join(a:words), 'term_finish': 'open'})
  wincmd J
  resize 12
  call win_gotoid(l:window)
  return l:buffer
endfunction

function! s:run(...) abort
  return HlbTerminal(['run', '-f', expand('%:p')] + (a:0 ? a:000 : ['default']))
endfunction

" What the lenses ask for: each gets the URI of a file and the name of a target, or of a test.
function! HlbCommand(command) abort
  let [l:uri, l:target] = a:command.arguments
  let l:file = ale#path#FromFileURI(l:uri)
  let l:name = a:command.command
  if l:name ==# 'hlb.run'
    return HlbTerminal(['run', '-f', l:file, l:target])
  elseif l:name ==# 'hlb.test'
    return HlbTerminal(['test', '-f', l:file, '--exact', '--', l:target])
  elseif l:name ==# 'hlb.why'
    return HlbTerminal(['why'])
  endif
  echo 'Vim has no' l:name
endfunction

" Asks for the lenses of a line, and does what the only one says, or the one that is chosen; `kind` may choose before.
function! HlbLens(line, kind) abort
  let l:message = [0, 'textDocument/codeLens', {'textDocument': {'uri': ale#util#ToURI(expand('%:p'))}}]
  call ale#lsp_linter#SendRequest(bufnr(''), 'hlb', l:message, function('s:lenses', [a:line, a:kind]))
endfunction

function! s:lenses(line, kind, response) abort
  let l:lenses = get(a:response, 'result', v:null)
  let l:lenses = l:lenses is v:null ? [] : l:lenses
  call filter(l:lenses, {_, lens -> lens.range.start.line == a:line - 1 && has_key(lens, 'command')})
  let l:known = empty(a:kind) ? ['hlb.run', 'hlb.test', 'hlb.why'] : ['hlb.' . a:kind]
  call filter(l:lenses, {_, lens -> index(l:known, lens.command.command) >= 0})
  if empty(l:lenses)
    echo 'No lens on this line'
    return
  endif
  let l:chosen = 1
  if len(l:lenses) > 1
    let l:titles = map(copy(l:lenses), {at, lens -> (at + 1) . ' ' . lens.command.title})
    let l:chosen = inputlist(['Which one?'] + l:titles)
  endif
  if l:chosen >= 1 && l:chosen <= len(l:lenses)
    call HlbCommand(l:lenses[l:chosen - 1].command)
  endif
endfunction

function! s:open() abort
  setlocal commentstring=#\ %s comments=:# noexpandtab tabstop=4 shiftwidth=4
  setlocal autoindent smartindent
  " Without this, smartindent takes a comment for a directive of C, and puts it into the first column.
  inoremap <buffer> # X<C-H>#
  setlocal omnifunc=ale#completion#OmniFunc
  nnoremap <buffer> K :ALEHover<CR>
  nnoremap <buffer> gd :ALEGoToDefinition<CR>
  command! -buffer -nargs=* HlbRun call s:run(<f-args>)
  command! -buffer -nargs=? HlbTest call HlbTerminal(['test', '-f', expand('%:p')] + (empty(<q-args>) ? [] : [<q-args>]))
  command! -buffer HlbWhy call HlbTerminal(['why'])
  command! -buffer -nargs=? HlbLens call HlbLens(line('.'), <q-args>)
endfunction

augroup hlb
  autocmd!
  autocmd BufRead,BufNewFile *.hlb setfiletype hlb
  autocmd FileType hlb call s:open()
augroup END

" Plugins are loaded in the order of their names, and ALE may come later: it is told when all are there.
function! s:define() abort
  call ale#linter#Define('hlb', {
  \ 'name': 'hlb',
  \ 'lsp': 'stdio',
  \ 'executable': {buffer -> split(g:hlb_server)[0]},
  \ 'command': {buffer -> g:hlb_server},
  \ 'project_root': function('HlbRoot'),
  \ 'language': 'hlb',
  \ 'lsp_config': {'hlb': get(g:, 'hlb_settings', {})},
  \})
endfunction

if v:vim_did_enter
  call s:define()
else
  autocmd hlb VimEnter * call s:define()
endif
