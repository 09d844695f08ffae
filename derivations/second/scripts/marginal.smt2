; Mean and variance of x_t given x_0 for every t, by induction over
; x_t = sqrt(1 - beta_t) x_{t-1} + sqrt(beta_t) z_t.  root and step are the square roots of
; alpha_bar_{t-1} and of 1 - beta_t; mean and variance are those of x_{t-1}.
(set-logic QF_NRA)
(declare-const beta Real)
(declare-const step Real)
(declare-const root Real)
(declare-const x_0 Real)
(declare-const mean Real)
(declare-const variance Real)
(define-fun claimed_mean ((r Real)) Real (* r x_0))
(define-fun claimed_variance ((r Real)) Real (- 1 (* r r)))
(assert (< 0 beta 1))
(assert (> step 0))
(assert (= (* step step) (- 1 beta)))
(assert (> root 0))
(assert (<= root 1))
; t = 0
(push 1)
(assert (= root 1))
(assert (= mean x_0))
(assert (= variance 0))
(assert (not (and (= mean (claimed_mean root)) (= variance (claimed_variance root)))))
(check-sat)
(pop 1)
; the mean, from t - 1 to t
(push 1)
(assert (= mean (claimed_mean root)))
(assert (not (= (* step mean) (claimed_mean (* step root)))))
(check-sat)
(pop 1)
; the variance, from t - 1 to t
(push 1)
(assert (= variance (claimed_variance root)))
(assert (not (= (+ (* step step variance) beta) (claimed_variance (* step root)))))
(check-sat)
(pop 1)
; the root stays that of alpha_bar: positive, at most 1, and its square gains the factor 1 - beta
(push 1)
(assert (not (and (> (* step root) 0) (<= (* step root) 1)
                  (= (* step root step root) (* (- 1 beta) root root)))))
(check-sat)
(pop 1)
;@ witness (assert (and (= beta (/ 9 25)) (= step (/ 4 5)) (= root 1) (= x_0 2) (= mean 2)
;@   (= variance 0)))
;@ wrong alpha_bar without a root in the mean
;@ (define-fun claimed_mean ((r Real)) Real (* r r x_0))
;@ (assert (and (= beta (/ 9 25)) (= step (/ 4 5)) (= root 1) (= x_0 1) (= mean 1) (= variance 0)))
;@ wrong root of alpha_bar in the variance
;@ (define-fun claimed_variance ((r Real)) Real (- 1 r))
;@ (assert (and (= beta (/ 9 25)) (= step (/ 4 5)) (= root 1) (= x_0 1) (= mean 1) (= variance 0)))
;@ wrong beta for the variance
;@ (define-fun claimed_variance ((r Real)) Real beta)
;@ (assert (and (= beta (/ 9 25)) (= step (/ 4 5)) (= root 1) (= x_0 1) (= mean 1) (= variance 0)))
