;;; Emacs shows $HLB_POSE for a picture, and makes the file $HLB_POSED when it does.  -*- lexical-binding: t -*-

(setq pose (getenv "HLB_POSE") posed (getenv "HLB_POSED"))
(menu-bar-mode -1)
(load-theme 'wombat t)
(dolist (face '(default line-number)) (set-face-background face "unspecified-bg"))
(setq eldoc-echo-area-use-multiline-p t max-mini-window-height 12 eldoc-idle-delay 0.1)
(setq completions-max-height 14)
(global-display-line-numbers-mode 1)

(defun go (text)
  "Put point on the beginning of TEXT."
  (goto-char (point-min))
  (search-forward text)
  (goto-char (match-beginning 0)))

(defvar poses
  `(("diagnostics" ,(lambda () (go "mkdirr") (flymake-show-buffer-diagnostics))
     ,(lambda () (get-buffer-window (flymake--diagnostics-buffer-name))))
    ("completion" ,(lambda () (go "dir \"/words\"") (end-of-line) (insert "\n\t\t") (completion-at-point))
     ,(lambda () (get-buffer-window "*Completions*")))
    ("hover" ,(lambda () (go "run ") (eldoc t))
     ,(lambda () (get-buffer-window "*eldoc*")))))

(defun poll (look act)
  "Do ACT as soon as LOOK gives something."
  (if (funcall look) (funcall act) (run-with-timer 0.2 nil #'poll look act)))

(find-file "mistake.hlb")
(delete-other-windows)
(poll (lambda () (flymake-diagnostics))
      (lambda ()
        (pcase-let ((`(_ ,act ,look) (assoc pose poses)))
          (funcall act)
          (poll look (lambda () (write-region "" nil posed nil 'quiet))))))
