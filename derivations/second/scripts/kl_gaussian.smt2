; KL(N(m, v) || N(n, w)) from moments: E x = m, E x^2 = m^2 + v, E 1 = 1 under the first law.
; log p - log q = l_q - l_p - (x - m)^2/(2v) + (x - n)^2/(2w), where l_p = log sqrt(v) and
; l_q = log sqrt(w) are any numbers here.  Both sides are multiplied by 2 v w > 0.
(set-logic QF_NRA)
(declare-const m Real)
(declare-const n Real)
(declare-const v Real)
(declare-const w Real)
(declare-const l_p Real)
(declare-const l_q Real)
(declare-const one Real)
(declare-const first Real)
(declare-const second Real)
(define-fun about ((c Real)) Real (+ second (* (- 2) c first) (* c c one)))
(define-fun claimed () Real
  (+ (* v w (- (* 2 l_q) (* 2 l_p))) (* v (+ v (* (- m n) (- m n)))) (* (- 1) v w)))
(assert (> v 0))
(assert (> w 0))
(assert (= one 1))
(assert (= first m))
(assert (= second (+ (* m m) v)))
(push 1)
(assert (not (= (+ (* 2 v w (- l_q l_p) one) (* (- 1) w (about m)) (* v (about n))) claimed)))
(check-sat)
(pop 1)
;@ witness (assert (and (= m 1) (= v 1) (= w 2) (= first 1) (= second 2)))
;@ wrong divided by the first variance
;@ (define-fun claimed () Real
;@   (+ (* v w (- (* 2 l_q) (* 2 l_p))) (* w (+ v (* (- m n) (- m n)))) (* (- 1) v w)))
;@ (assert (and (= m 1) (= n 0) (= v 1) (= w 2) (= first 1) (= second 2) (= l_p 0) (= l_q 0)))
;@ wrong sum of the means
;@ (define-fun claimed () Real
;@   (+ (* v w (- (* 2 l_q) (* 2 l_p))) (* v (+ v (* (+ m n) (+ m n)))) (* (- 1) v w)))
;@ (assert (and (= m 1) (= n 1) (= v 1) (= w 2) (= first 1) (= second 2) (= l_p 0) (= l_q 0)))
;@ wrong the logarithms exchanged
;@ (define-fun claimed () Real
;@   (+ (* v w (- (* 2 l_p) (* 2 l_q))) (* v (+ v (* (- m n) (- m n)))) (* (- 1) v w)))
;@ (assert (and (= m 1) (= n 1) (= v 1) (= w 2) (= first 1) (= second 2) (= l_p 0) (= l_q 1)))
