;;; Emacs does the deeds of `xtask/src/editors.rs` by eglot, with docs/editors/hlb.el as its setup.  -*- lexical-binding: t -*-

(defun deed (name body)
  "Report to $HLB_REPORT whether BODY succeeds, as NAME."
  (let ((line (condition-case why (progn (funcall body) (format "PASS %s" name))
                (error (format "FAIL %s: %s" name
                               (replace-regexp-in-string "[[:space:]]+" " " (error-message-string why)))))))
    (write-region (concat line "\n") nil (getenv "HLB_REPORT") t 'quiet)))

(defun wait (what seconds look)
  "What LOOK gives as soon as that is something; an error with WHAT after SECONDS."
  (let ((end (+ (float-time) seconds)) seen)
    (while (and (not (setq seen (funcall look))) (< (float-time) end))
      (accept-process-output nil 0.05))
    (or seen (error "No %s within %d s" what seconds))))

(defun go (text &optional skip)
  "Put point on the beginning of TEXT, or SKIP characters behind it."
  (goto-char (point-min))
  (search-forward text)
  (goto-char (+ (match-beginning 0) (or skip 0))))

(defun open (file)
  "Show FILE, and connect: batch Emacs has no command loop that would."
  (find-file file)
  (unless (derived-mode-p 'hlb-mode) (error "%s is not known to be HLB" file))
  (unless (eglot-current-server)
    (apply #'eglot (eglot--guess-contact)))
  (wait "client" 20 #'eglot-managed-p))

(defun mistakes ()
  "The texts of the diagnostics of this buffer, with their lines."
  (flymake-start)
  (mapcar (lambda (it) (format "%d: %s" (line-number-at-pos (flymake-diagnostic-beg it)) (flymake-diagnostic-text it)))
          (flymake-diagnostics)))

(defun has (buffer text)
  "Whether BUFFER has TEXT."
  (and buffer (with-current-buffer buffer (save-excursion (goto-char (point-min)) (search-forward text nil t)))))

(deed "diagnostics"
      (lambda ()
        (open "mistake.hlb")
        (wait "diagnostic of mkdirr" 20
              (lambda () (seq-find (lambda (it) (string-match-p "^5: .*mkdirr" it)) (mistakes))))))

(deed "completion"
      (lambda ()
        (go "with option {")
        (end-of-line)
        (insert "\n\t\tmo")
        (let* ((found (eglot-completion-at-point))
               (words (all-completions "mo" (nth 2 found))))
          (delete-region (line-beginning-position 1) (line-beginning-position 2))
          (unless (seq-some (lambda (it) (string-prefix-p "mount" it)) words)
            (error "`mount' is not offered, but: %s" words)))))

(deed "hover"
      (lambda ()
        (go "run ")
        (eglot--signal-textDocument/didChange)
        (let (shown)
          (eglot-hover-eldoc-function (lambda (info &rest _) (setq shown info)))
          (wait "signature of run" 10 (lambda () (and shown (string-match-p "run(variadic string arg" shown)))))))

(deed "definition"
      (lambda ()
        (go "run ")
        (save-window-excursion
          (xref-find-definitions "run")
          (let ((line (buffer-substring (line-beginning-position) (line-end-position))))
            (unless (string-suffix-p "builtin.hlb" (buffer-file-name)) (error "It is in %s" (buffer-file-name)))
            (unless (string-match-p "fs run(" line) (error "Point is at: %s" line))))))

;; Only Emacs has a mode of its own, which indents.
(deed "indentation"
      (lambda ()
        (open "build.hlb")
        (let ((laid-out (buffer-string)))
          (goto-char (point-min))
          (while (not (eobp))
            (unless (nth 3 (syntax-ppss (line-beginning-position))) (delete-horizontal-space))
            (forward-line))
          (when (equal laid-out (buffer-string)) (error "Nothing was left to indent"))
          (indent-region (point-min) (point-max))
          (unless (equal laid-out (buffer-string)) (error "The example has another layout")))))

(deed "rename"
      (lambda ()
        (open "build.hlb")
        ;; What has changed is told when Emacs is idle, which a script never is.
        (eglot--signal-textDocument/didChange)
        (go "pack.package" 5)
        ;; eglot asks before it changes a file that is not shown.
        (cl-letf (((symbol-function 'y-or-n-p) #'always)) (eglot-rename "parcel"))
        (wait "use of the new name" 10 (lambda () (has (get-buffer "build.hlb") "pack.parcel(content")))
        (unless (has (find-buffer-visiting "pack.hlb") "export fs parcel(") (error "The declaration keeps its name"))
        (when (has (get-buffer "build.hlb") "pack.package") (error "A use keeps its name"))))

(deed "run"
      (lambda ()
        (switch-to-buffer "build.hlb")
        (go "fs sources")
        ;; eglot knows no lenses: the command of the setup asks for them, and asks which of them is meant.
        (cl-letf (((symbol-function 'completing-read)
                   (lambda (_ titles &rest _)
                     (car (seq-find (lambda (it) (equal "hlb.run" (plist-get (plist-get (cdr it) :command) :command)))
                                    titles))))
                  (compilation-ask-about-save nil)
                  (compilation-save-buffers-predicate #'ignore))
          (hlb-lens))
        (let ((steps (lambda () (with-current-buffer "*compilation*"
                                  (goto-char (point-min))
                                  (re-search-forward "[0-9]+ steps?, [0-9]+ cached" nil t)))))
          (condition-case why (wait "number of steps" 60 steps)
            (error (error "%s: %s" why (with-current-buffer "*compilation*" (buffer-string))))))))

(deed "edit"
      (lambda ()
        (switch-to-buffer "mistake.hlb")
        (let ((before (length (mistakes))))
          (go "mkdirr")
          (replace-regexp-in-region "mkdirr" "mkdir" (point) (line-end-position))
          (eglot--signal-textDocument/didChange)
          (wait "fewer diagnostics" 10 (lambda () (< (length (mistakes)) before))))))

(dolist (buffer (buffer-list)) (with-current-buffer buffer (set-buffer-modified-p nil)))
(kill-emacs 0)
